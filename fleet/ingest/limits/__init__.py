"""Limits on what a station may cost: quotas, streams, and room in quarantine."""
