"""The people in these tests."""

from people import elsewhere, institute, operator, owner, stranger, viewer

__all__ = ["elsewhere", "institute", "operator", "owner", "stranger", "viewer"]
