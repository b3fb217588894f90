"""Cards that somebody brought home: read as their station would, surveyed, and sent the way all data comes."""
