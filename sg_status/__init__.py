"""The site for people: status pages and the live view."""
