"""Incidents and who is told of them, once."""
