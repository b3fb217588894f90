"""Turning lines into messages: columns of detections and positions, lists of events, each with its line numbers."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from formats.lines import Fix, Note, RowValue, RowValues, TagLine
from formats.sensorgnome.lines import Burst, Line, PulseLine
from formats.sensorgnome.names import FileName
from message_queue.contracts.base import MAX_ROWS
from message_queue.contracts.bursts import FIGURES, Bursts
from message_queue.contracts.detections import Detections
from message_queue.contracts.event import Event, Happening
from message_queue.contracts.gps import Gps
from message_queue.contracts.readings import SenmlRecord

MICROSECOND = 1_000_000


class Numbered(NamedTuple):
    """A line with its number in the file, counted from 1, and its time."""

    number: int
    line: Line
    at: int


class LineMessage(NamedTuple):
    """A body made of lines, with its kind."""

    kind: str
    body: Any


def moments_fill(lines: Iterable[tuple[int, Line]], last_at: int) -> list[Numbered]:
    """Give lines without a time that of the line before; `last_at` is the time before the first line."""
    pairs = list(lines)
    numbers, found = [number for number, _line in pairs], [line for _number, line in pairs]
    moments: list[int] = []
    for moment in [line.at for line in found]:
        last_at = last_at if moment is None else moment
        moments.append(last_at)
    return list(map(Numbered, numbers, found, moments))


def messages_make(lines: Iterable[Numbered], file: FileName, *, damaged: bool = False) -> list[LineMessage]:
    """At most one message each of events, tags, bursts, pulses and positions, the most valuable first, then readings.

    Readings have no mark for a damaged file.
    """
    kept = list(lines)
    made = _messages(kept, file)
    if damaged:
        made = [message._replace(body=replace(message.body, damaged=True)) for message in made]
    return made + _readings(kept)


def _messages(lines: Iterable[Numbered], file: FileName) -> list[LineMessage]:
    pulses: list[tuple[Numbered, PulseLine]] = []
    tags: list[tuple[Numbered, TagLine]] = []
    bursts: list[tuple[Numbered, Burst]] = []
    fixes: list[tuple[Numbered, Fix]] = []
    notes: list[tuple[Numbered, Note]] = []
    for numbered in lines:
        match numbered.line:
            case PulseLine() as pulse:
                pulses.append((numbered, pulse))
            case TagLine() as tag:
                tags.append((numbered, tag))
            case Burst() as burst:
                bursts.append((numbered, burst))
            case Fix() as fix:
                fixes.append((numbered, fix))
            case Note() as note:
                notes.append((numbered, note))
    made: list[LineMessage] = []
    if notes:
        made.append(LineMessage("event", _events(notes, file)))
    if tags:
        made.append(LineMessage("detections", _tags(tags, file)))
    if bursts:
        made.append(LineMessage("bursts", _bursts(bursts, file)))
    if pulses:
        made.append(LineMessage("detections", _pulses(pulses, file)))
    if fixes:
        made.append(LineMessage("gps", _positions(fixes, file)))
    return made


def _readings(lines: Iterable[Numbered]) -> list[LineMessage]:
    """The figures in the lines, in messages within their bound."""
    records = _records(
        [(row.at, figure) for row in lines if isinstance(row.line, RowValues | Fix) for figure in row.line.figures]
    )
    return [LineMessage("readings", records[n : n + MAX_ROWS]) for n in range(0, len(records), MAX_ROWS)]


def _events(notes: list[tuple[Numbered, Note]], file: FileName) -> Event:
    happenings = [
        Happening(t=row.at / MICROSECOND, name=note.name, port=note.port, line=row.number, data=note.data)
        for row, note in notes
    ]
    return Event(events=happenings, clock=file.clock, file=file.name)


def _tags(tags: list[tuple[Numbered, TagLine]], file: FileName) -> Detections:
    rows = [row for row, _ in tags]
    base, times = _times(rows)
    return Detections(
        what="tag",
        port=_ports([tag.port for _, tag in tags]),
        bt=base,
        t=times,
        line=_line_numbers(rows),
        tag=[tag.tag for _, tag in tags],
        rssi=_column([tag.rssi for _, tag in tags]),
        node=_column([tag.node for _, tag in tags]),
        valid=_column([tag.valid for _, tag in tags]),
        also=_column([tag.also for _, tag in tags]),
        clock=file.clock,
        file=file.name,
    )


def _bursts(bursts: list[tuple[Numbered, Burst]], file: FileName) -> Bursts:
    rows = [row for row, _ in bursts]
    base, times = _times(rows)
    figures = zip(*(burst.figures for _, burst in bursts), strict=True)
    columns: dict[str, Any] = {name: _column(list(column)) for name, column in zip(FIGURES, figures, strict=True)}
    return Bursts(
        port=_ports([burst.port for _, burst in bursts]),
        bt=base,
        t=times,
        line=_line_numbers(rows),
        code=[burst.code for _, burst in bursts],
        **columns,
        clock=file.clock,
        file=file.name,
    )


def _pulses(pulses: list[tuple[Numbered, PulseLine]], file: FileName) -> Detections:
    rows = [row for row, _ in pulses]
    base, times = _times(rows)
    columns = map(list, zip(*[pulse for _, pulse in pulses], strict=True))
    port, _at, freq, sig, noise, snr, used, _marked = columns
    return Detections(
        what="pulse",
        port=_ports(port),
        bt=base,
        t=times,
        line=_line_numbers(rows),
        freq=_column(freq),
        sig=_column(sig),
        noise=_column(noise),
        snr=_column(snr),
        used=[] if all(used) else used,
        clock=file.clock,
        file=file.name,
    )


def _positions(fixes: list[tuple[Numbered, Fix]], file: FileName) -> Gps:
    rows = [row for row, _ in fixes]
    base, times = _times(rows)
    return Gps(
        bt=base,
        t=times,
        lat=[fix.lat for _, fix in fixes],
        lon=[fix.lon for _, fix in fixes],
        alt=_column([fix.alt for _, fix in fixes]),
        line=_line_numbers(rows),
        clock=file.clock,
        file=file.name,
    )


def _times(rows: list[Numbered]) -> tuple[float, list[float]]:
    """A base in whole seconds and each row's offset; their sum keeps the file's digits to the microsecond."""
    base = rows[0].at // MICROSECOND
    return float(base), [(row.at - base * MICROSECOND) / MICROSECOND for row in rows]


def _line_numbers(rows: list[Numbered]) -> list[int]:
    """One number if the lines are consecutive, else one for each."""
    if rows[-1].number - rows[0].number == len(rows) - 1:
        return [rows[0].number]
    return [row.number for row in rows]


def _ports(ports: list[int]) -> int | list[int]:
    return ports[0] if len(set(ports)) == 1 else ports


def _records(figures: list[tuple[int, RowValue]]) -> list[SenmlRecord]:
    """The figures as a SenML pack. A text that only repeats the one before in its series is left out."""
    said: dict[str, str] = {}
    records = []
    for at, figure in figures:
        if figure.value is not None:
            records.append(SenmlRecord(n=figure.name, v=figure.value, t=at / MICROSECOND, u=figure.unit or None))
        elif said.get(figure.name) != figure.text:
            said[figure.name] = figure.text
            records.append(SenmlRecord(n=figure.name, vs=figure.text, t=at / MICROSECOND))
    return records


def _column(values: list[Any]) -> list[Any]:
    """The values, or nothing if no line has one."""
    return [] if all(value is None for value in values) else values
