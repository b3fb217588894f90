"""Places: sites, and which station stood where from when to when."""
