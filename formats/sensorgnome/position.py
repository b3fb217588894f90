"""How far a data file has been read."""

from typing import NamedTuple

from formats.sensorgnome.bursts import Heard


class FilePosition(NamedTuple):
    """The position in one file.

    `offset` bytes and `line` lines are done; `last_at` is the newest line's moment in microseconds; `recent` are the
    last pulses, which tell whether the next ones continue a burst; `head` are the file's first bytes; `done` when the
    file is finished, at `size` bytes on the disk; `heading` the heading above the next line, in a file of tables.
    """

    offset: int = 0
    line: int = 0
    last_at: int = 0
    recent: tuple[Heard, ...] = ()
    head: bytes = b""
    done: bool = False
    size: int = 0
    heading: str = ""
