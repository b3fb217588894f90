"""Bytes, durations and times as text for people."""

import time

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def bytes_say(number: float) -> str:
    """`1.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def seconds_say(seconds: float) -> str:
    """`3 h 12 min`."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment_say(at: float | None) -> str:
    """`2026-11-21 01:23:36 UTC`, or `never`."""
    return "never" if at is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
