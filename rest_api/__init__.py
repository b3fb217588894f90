"""The HTTP API: one file per resource in `v1`."""
