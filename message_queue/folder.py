"""Folders as registries: one file per entry; two entries with the same name are an error at startup."""

from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar

Thing = TypeVar("Thing")

#: The file that all entries of a folder share; it defines no entry itself.
BASE = "base"


def folder_modules(package: str, *, with_folders: bool = False) -> list[ModuleType]:
    """Import every module in a package's folder except `base.py`, and return them in order of name.

    `with_folders`: include subfolders.
    """
    found = list(iter_modules(import_module(package).__path__))
    names = sorted(info.name for info in found if not info.ispkg and info.name != BASE)
    modules = [import_module(f"{package}.{name}") for name in names]
    for folder in sorted(info.name for info in found if info.ispkg and with_folders):
        modules += folder_modules(f"{package}.{folder}", with_folders=True)
    return modules


def folder_read(
    package: str, attribute: str, of: type[Thing], name_of: Callable[[Any], str] = attrgetter("name")
) -> dict[str, Thing]:
    """Values that the folder's files define as `attribute`, by `name_of`. Raises RuntimeError, which stops startup."""
    found: dict[str, Thing] = {}
    for module in folder_modules(package):
        thing = getattr(module, attribute, None)
        if not isinstance(thing, of):
            raise RuntimeError(f"{module.__name__} does not define {attribute} as a {of.__name__}.")  # noqa: TRY004 - see above
        name = name_of(thing)
        if name in found:
            raise RuntimeError(f"Two files in {package} define {name!r}: rename one.")
        found[name] = thing
    return found
