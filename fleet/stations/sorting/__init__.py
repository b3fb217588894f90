"""How people organize their stations: device models, groups, tags, saved filters."""
