"""The tasks, one file per domain package.

Each takes ids by keyword, ignores what it does not know, and is a door: translate in, one domain call, out.
"""

from message_queue.folder import folder_modules

folder_modules(__name__)
