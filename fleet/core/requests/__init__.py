"""Requests to the web processes: refusing bad ones early, finding out where they come from, and recognising repeats."""
