"""Cards that somebody brought home: read here as on their station, surveyed, and sent through the door of all data."""
