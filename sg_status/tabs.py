"""Tabs: pages of one thing, each with its own URL. `components/tabs.html` shows them."""

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab."""

    label: str | Promise
    address: str
    is_current: bool
