"""Motus on behalf of one organization: its login there, and what is read and sent with it."""
