"""Reading the lines of a chunk, pulses by columns: the same result as `line_read` for each, at a quarter of the cost.

Nearly all lines are pulses, and nearly all pulses of a chunk have the same form. If any pulse differs, by another
character, another number of fields or an invalid time, the whole chunk is read line by line.
"""

import re
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from typing import Final

from formats.lines import LineRead
from formats.sensorgnome.lines import EARLIEST, LATEST, PulseLine, line_read

#: The only characters of such lines: with others, `float` would take words and digits that no station writes.
_CHARACTERS: Final = b"pn0123456789.,-\n"
#: A longer line may hold a number that is too large to be finite.
_LENGTH_MOST: Final = 120
_HEAD: Final = re.compile(r"[pn]\d{1,3}\Z", re.ASCII)
_TIME: Final = re.compile(r"\d{1,11}(\.\d{1,9})?\Z", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,9}\Z", re.ASCII).match
_STARTS: Final = frozenset(b"pn")
#: These make the same tuples as the classes, at half the cost; each line needs two.
_pulse: Final = partial(tuple.__new__, PulseLine)
_read: Final = partial(tuple.__new__, LineRead)
#: The rest of a `LineRead` of which nothing is lost or refused.
_WELL: Final = (repeat(0), repeat(""), repeat(False))
#: Digits kept after the point of a time.
_DIGITS: Final = 6


def lines_read(raws: Sequence[bytes]) -> list[LineRead]:
    """Read lines from a file, without their line feeds. Never raises."""
    pulses = [raw for raw in raws if raw and raw[0] in _STARTS]
    read = _pulses_read(pulses) if pulses else None
    if read is None:
        return list(map(line_read, raws))
    if len(pulses) == len(raws):
        return read
    following = iter(read)
    return [next(following) if raw and raw[0] in _STARTS else line_read(raw) for raw in raws]


def _pulses_read(raws: Sequence[bytes]) -> list[LineRead] | None:
    """The lines, which begin as pulses do; None if one of them is not in the usual form."""
    whole, rows = b"\n".join(raws), len(raws)
    if whole.translate(None, _CHARACTERS) or max(map(len, raws)) > _LENGTH_MOST:
        return None
    fields = whole.decode("ascii").replace("\n", ",").split(",")
    width = len(fields) // rows
    if width not in (5, 6) or len(fields) != width * rows:
        return None
    # If one line had more fields and another fewer, some head would stand among the figures and not be a number.
    heads, *columns = (fields[n::width] for n in range(width))
    matches = {head: match for head in set(heads) if (match := _HEAD.match(head))}
    used_by, port_by = {head: head[0] == "p" for head in matches}, {head: int(head[1:]) for head in matches}
    try:
        ports, used = list(map(port_by.__getitem__, heads)), list(map(used_by.__getitem__, heads))
        moments = _moments(columns[0])
        freqs, sigs, noises, *snrs = map(_numbers, columns[1:])
    except (KeyError, ValueError):
        return None
    marked = [not is_used for is_used in used]
    if snrs:
        whole_ones = (all(map(_WHOLE, three)) for three in zip(*columns[2:], strict=True))
        marked = [is_marked or is_whole for is_marked, is_whole in zip(marked, whole_ones, strict=True)]
    snr = snrs[0] if snrs else repeat(None, rows)
    lines = map(_pulse, zip(ports, moments, freqs, sigs, noises, snr, used, marked, strict=True))
    sizes = [length + 1 for length in map(len, raws)]
    return list(map(_read, zip(lines, sizes, *_WELL, strict=False)))


def _moments(texts: list[str]) -> list[int]:
    """Microseconds since 1970. Raises ValueError for an invalid time."""
    length, point = len(texts[0]), texts[0].find(".")
    joined = "".join(texts)
    digits = joined.replace(".", "")
    rows, fraction = len(texts), length - point - 1
    if (
        0 < point <= 11
        and 0 < fraction <= _DIGITS
        and set(map(len, texts)) == {length}
        and joined[point::length] == "." * rows
        and len(digits) == rows * (length - 1)
        and digits.isdigit()
    ):
        # All alike, as from one writer: a point in the same place, and digits around it.
        step, factor = length - 1, 10 ** (_DIGITS - fraction)
        moments = [int(digits[at : at + step]) * factor for at in range(0, rows * step, step)]
    else:
        moments = [_moment(text) for text in texts]
    if not EARLIEST <= min(moments) <= max(moments) <= LATEST:
        raise ValueError
    return moments


def _moment(text: str) -> int:
    if not _TIME.match(text):
        raise ValueError
    seconds, _point, fraction = text.partition(".")
    return int(seconds) * 1_000_000 + int(fraction.ljust(_DIGITS, "0")[:_DIGITS])


def _numbers(texts: list[str]) -> list[float | None]:
    """Numbers, or None where a field is empty. Raises ValueError."""
    if "" in texts:
        return [float(text) if text else None for text in texts]
    return list(map(float, texts))
