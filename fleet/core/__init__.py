"""Shared foundations of every domain package: errors, the clock, the outbox, pulses and outages, the audit log."""
