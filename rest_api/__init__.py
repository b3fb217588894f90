"""The HTTP door for machines: one file per resource in `v1`."""
