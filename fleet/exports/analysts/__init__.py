"""Logins of the database for analysts: they read one organization's data through views, and nothing else."""
