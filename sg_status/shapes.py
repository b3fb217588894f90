"""The shape and colour of each state of a station: told apart by shape before colour."""

from typing import Final

#: Of each state, its class and its icon; five of the classes give a colour.
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
