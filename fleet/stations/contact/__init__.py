"""Contact: when a station is expected next, how its state is described, and how changes are announced."""
