"""Parsers for the files of field stations, shared by the agent and the server. No Django, no Celery, no network."""

# This must come before any import of msgspec: message_queue replaces it where it is not installed.
import message_queue as _message_queue  # noqa: F401
