"""Sending to the outside: mail through SMTP, and posts to URLs that people entered."""
