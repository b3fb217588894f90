"""A fleet in one process: simulated stations that behave on the wire as real ones do."""
