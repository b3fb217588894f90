"""Rows of all pulses of a message, packed column by column: the bytes of `detection_row`, at a quarter of the cost."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from struct import Struct
from typing import Any, Final

_HEAD = Struct(">hiqi").pack
_PORT = Struct(">ihihi").pack
_RECEIVED = Struct(">iq").pack
_SHORT = Struct(">ih").pack
_NULL: Final = b"\xff\xff\xff\xff"
#: Length fields of a float8 and of a boolean, and a true boolean with its length.
_EIGHT, _ONE, _TRUE = b"\x00\x00\x00\x08", b"\x00\x00\x00\x01", b"\x00\x00\x00\x01\x01"


def pulse_rows(
    station_id: int,
    moments: Sequence[int],
    ports: Sequence[int] | int,
    kind: int,
    lines: Iterable[int],
    received: int,
    figures: Sequence[Sequence[float]],
    used: Sequence[bool],
    flags: int,
    tail: bytes,
) -> list[bytes]:
    """Rows of `DETECTIONS` without a tag, one for each moment.

    `moments` and `received` are `pg_time`. `figures` are the columns freq, sig, noise, snr and rssi, each without gaps,
    or empty if no row has the figure; `used` is empty if all rows were used. `tail` is a `detection_tail`.
    """
    between = {port: _PORT(2, port, 2, kind, 4) for port in ({ports} if isinstance(ports, int) else set(ports))}
    layout = ["18s", "q", "16s", "i"]
    columns: list[Iterable[Any]] = [
        repeat(_HEAD(18, 8, station_id, 8)),
        moments,
        repeat(between[ports]) if isinstance(ports, int) else map(between.__getitem__, ports),
        lines,
    ]
    # Constant bytes, collected up to the next column that varies.
    same = _RECEIVED(8, received)
    for column in figures:
        if column:
            same += _EIGHT
            layout += [f"{len(same)}s", "d"]
            columns += [repeat(same), column]
            same = b""
        else:
            same += _NULL
    same += _NULL
    if used:
        same += _ONE
        layout += [f"{len(same)}s", "?"]
        columns += [repeat(same), used]
        same = b""
    else:
        same += _TRUE
    same += _SHORT(2, flags) + tail
    layout.append(f"{len(same)}s")
    columns.append(repeat(same))
    return list(map(Struct(">" + "".join(layout)).pack, *columns))
