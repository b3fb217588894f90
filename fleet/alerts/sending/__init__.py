"""Sending notifications: destinations, the text of each message, sending it, and the links in it."""
