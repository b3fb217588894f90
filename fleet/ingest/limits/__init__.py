"""What a station may cost: quotas, streams, room in quarantine."""
