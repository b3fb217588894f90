"""When a station must be heard next, what is said of it, and who is told."""
