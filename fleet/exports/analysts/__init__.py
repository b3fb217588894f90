"""Analysts' logins to the database: each reads one organization's data through views, and nothing else."""
