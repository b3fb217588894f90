"""Which readings are kept: the rules of an organization and of a station."""
