"""The shape and colour of each state of a station: told apart by shape before colour."""

from typing import Final

#: The class and the icon of each state; the classes share five colours.
STATES: Final = {
    "on_time": ("ok", "ontime"),
    "late": ("late", "late"),
    "check": ("check", "check"),
    "silent": ("silent", "silent"),
    "asleep": ("asleep", "asleep"),
    "maintenance": ("maint", "maint"),
    "retired": ("gone", "retired"),
    "never_seen": ("gone", "never"),
}
