"""Files of stations, kept by content: uploads, revisions, quota, and checks for rot."""
