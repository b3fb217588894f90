"""Formats of field stations' files, read alike by the agent and by the server. No Django, no Celery, no network."""

# Before any module imports msgspec: message_queue replaces it where it is missing.
import message_queue as _message_queue  # noqa: F401
