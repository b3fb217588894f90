"""Pages of the frame itself."""
