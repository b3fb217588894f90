"""The tasks, one file per domain package.

Each takes ids by keyword, ignores what it does not know, and is a door: translate in, one domain call, out.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
