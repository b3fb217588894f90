"""Management commands of the site, by name."""
