"""The fleet page, and what narrows and sorts it."""
