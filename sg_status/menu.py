"""What an entry of the menu at the top is; the pages bring theirs (see `sg_status.registry`)."""

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the menu at the top: its word, the name of its address, and its place from left to right."""

    label: str | Promise
    url_name: str
    order: int
