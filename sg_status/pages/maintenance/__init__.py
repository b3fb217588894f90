"""Pages of planned maintenance."""
