"""Pages of an organization's taps."""
