"""Pages for an organization's own alert rules."""
