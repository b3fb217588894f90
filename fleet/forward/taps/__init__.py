"""Taps: queues on the broker from which an organization's own programs read its events."""
