"""The people in these tests."""

from people import elsewhere, english, institute, no_counters, operator, owner, stranger, viewer

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]
