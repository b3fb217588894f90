"""Formats of field stations' files, read alike by the agent and by the server. No Django, no Celery, no network."""
