"""Commands of the site, by name."""
