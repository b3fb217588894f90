"""The process that keeps open pages fresh."""
