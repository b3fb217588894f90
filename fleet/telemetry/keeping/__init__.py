"""Rules of organizations and stations: which readings are stored, for how long, and how many each series loses."""
