"""The fleet page, its filters and its sorting."""
