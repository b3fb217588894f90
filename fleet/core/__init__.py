"""What every domain package stands on: errors, the clock, the outbox, pulses and outages, the audit log."""
