"""The door for people: status pages and the live view."""
