"""The process that keeps open pages up to date."""
