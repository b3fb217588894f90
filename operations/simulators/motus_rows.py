"""Made-up rows for the Motus simulator, with every oddity of the real receivers list; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]

_TYPES = (
    *("SENSORGNOME",) * 20,
    *("LOTEKSRX800", "LOTEKSRX600", "SENSORSTATION", "LOTEK800D", "LOTEKSRXDL"),
)
_SITES = ("North Marsh", "Old_Pier", "Heron Point", "Dyke 3", "Calidus", "Lighthouse", "Salt_Meadow", "Weir")
_JUNK = (None, "NULL", "TEMP16", "R2D2", "SG-63EFRPI31BE", "SG-NOR_RPI3B_01", "sg-1a2brpi33c4d", " SG-77AARPI40001 ")


def rows_make(*, count: int = 120, seed: int = 1, serials: Iterable[str] = ()) -> list[Row]:
    """Rows like those of the receivers list. `serials` get one active row each, in addition to `count` made-up ones."""
    source = random.Random(seed)
    rows: list[Row] = []
    for serial in serials:
        rows += _receiver(source, serial, statuses=("terminated", "active"))
    for junk in _JUNK:
        rows += _receiver(source, junk, statuses=("active",))
    while len(rows) < count:
        statuses = source.choice((("active",), ("terminated",), ("pending",), ("terminated", "active"), _LONG_HISTORY))
        rows += _receiver(source, _serial(source), statuses=statuses)
    for number, row in enumerate(rows, start=383):
        row["motusRecvID"] = number
    source.shuffle(rows)
    return rows


_LONG_HISTORY = ("terminated", "terminated", "pending", "active", "terminated")


def _serial(source: random.Random) -> str:
    head, tail = (f"{source.randrange(0x10000):04X}" for _ in range(2))
    return source.choice(
        (
            f"SG-{head}RPI3{tail}",
            f"SG-{head}BBBK{tail}",
            f"SG-{head}BB00{tail}",
            f"Lotek-{source.randrange(100, 9_999)}",
            f"CTT-{source.randrange(16**12):012X}",
        )
    )


def _receiver(source: random.Random, serial: str | None, *, statuses: Sequence[str]) -> list[Row]:
    """One receiver with one row per deployment; about one in ten is only announced and has little data."""
    device, year = source.randrange(1, 3_000), source.randrange(2013, 2018)
    is_bare = statuses == ("pending",) and source.random() < 0.5
    kind = source.choice(_TYPES)
    return [
        {
            "receiverID": serial,
            "motusRecvID": 0,
            "recvProjectID": source.randrange(1, 240),
            "deviceID": None if is_bare else device,
            "macAddress": None if is_bare else "0",
            "receiverType": None if is_bare else kind,
            "dtStart": None if status == "pending" else _start(source, year + place),
            "deploymentStatus": status,
            "deploymentName": None if is_bare else source.choice(_SITES),
        }
        for place, status in enumerate(statuses)
    ]


def _start(source: random.Random, year: int) -> str:
    day = f"{year}-{source.randrange(1, 13):02d}-{source.randrange(1, 29):02d}"
    hour, offset = source.choice(((0, "+00:00"), (0, "+00:00"), (14, "+00:00"), (18, "-04:00")))
    return f"{day} {hour:02d}:{source.randrange(60):02d}:{source.randrange(60):02d} {offset}"
