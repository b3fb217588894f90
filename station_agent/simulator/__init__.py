"""A fleet in one process: simulated stations that behave like real ones on the wire."""
