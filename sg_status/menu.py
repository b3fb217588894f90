"""Entries of the main menu; the pages provide them (see `sg_status.registry`)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise

from fleet.organizations.access import Viewer


class Part(StrEnum):
    """The two parts of the menu. Only the pages that people watch fit in a phone's bar."""

    WATCH = "watch"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the main menu: its word, its URL name, its position in its part, and its icon.

    `under`: prefixes of other addresses that belong to it. `count`: how many things wait there, up to a limit.
    """

    label: str | Promise
    url_name: str
    order: int
    icon: str
    part: Part = Part.RECORDS
    under: tuple[str, ...] = ()
    count: Callable[[Viewer], int] | None = None
