"""The people in these tests."""

from people import elsewhere, english, institute, operator, owner, stranger, viewer

__all__ = ["elsewhere", "english", "institute", "operator", "owner", "stranger", "viewer"]
