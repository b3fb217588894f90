"""How people sort their stations: device models, groups, tags, saved filters."""
