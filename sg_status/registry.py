"""The page registry: each page gives its `urlpatterns`, and a `MENU` entry if it has one."""

from functools import cache
from types import ModuleType

from django.urls import URLPattern

from message_queue.folder import folder_modules
from sg_status import pages
from sg_status.menu import MenuEntry


@cache
def page_modules() -> tuple[ModuleType, ...]:
    """Every module in the page folders; one that is not a page has neither `urlpatterns` nor `MENU`."""
    return tuple(folder_modules(pages.__name__, with_folders=True))


@cache
def page_patterns() -> tuple[URLPattern, ...]:
    """The URL patterns of all pages; a duplicate name is an error at start."""
    patterns: dict[str, URLPattern] = {}
    for module in page_modules():
        for pattern in getattr(module, "urlpatterns", ()):
            if pattern.name in patterns:
                raise RuntimeError(f"Two pages are named {pattern.name!r}: rename one in sg_status/pages.")
            patterns[pattern.name] = pattern
    return tuple(patterns.values())


@cache
def menu_entries() -> list[MenuEntry]:
    """The menu's entries in their order."""
    return sorted((m.MENU for m in page_modules() if hasattr(m, "MENU")), key=lambda entry: entry.order)
