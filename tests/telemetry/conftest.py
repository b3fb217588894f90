"""The people of these tests."""

from people import elsewhere, institute, no_counters, operator, owner, stranger, viewer

__all__ = ["elsewhere", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]
