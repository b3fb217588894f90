"""The outside systems: one file each; the folder is the registry."""
