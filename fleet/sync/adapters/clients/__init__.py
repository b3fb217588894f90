"""Clients of outside systems: one file each, used by the adapter of the same name."""
