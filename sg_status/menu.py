"""Entries of the top menu; the pages provide them (see `sg_status.registry`)."""

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the top menu: its word, its URL name, and its position from left to right."""

    label: str | Promise
    url_name: str
    order: int
