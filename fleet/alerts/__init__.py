"""Incidents, and the notifications that tell people about them once."""
