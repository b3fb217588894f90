"""Replaying a card or folder of old files to the server: the run, and its account in words."""
