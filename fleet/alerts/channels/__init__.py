"""The ways to tell somebody: one file each; the folder is the registry."""
