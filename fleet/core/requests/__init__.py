"""Requests to the web processes: what is refused at the door, where they come from, and repeated ones."""
