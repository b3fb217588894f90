"""The Celery tasks, one file per domain package.

Each takes ids as keyword arguments, ignores unknown ones, and does no more than call the domain.
"""

from message_queue.folder import folder_modules

folder_modules(__name__)
