"""Which readings are stored, and for how long: rules of organizations and stations, and what they cost each series."""
