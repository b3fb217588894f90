"""Processing a chunk of lines: which lines are sent, which stay on the station, and what the account records.

Pure: nothing here touches a file or the database.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from formats.lines import DAMAGE, ZEROS, ColumnNames, Fix, LineRead, Note
from formats.sensorgnome.account import OpenAccount, Tally
from formats.sensorgnome.bursts import BurstRule, Heard, bursts_find, pulse_heard
from formats.sensorgnome.lines import Burst, PulseLine
from formats.sensorgnome.messages import Numbered
from formats.sensorgnome.places import Places
from formats.sensorgnome.position import FilePosition

#: Which pulses are sent: all, those in a burst, or only their hourly counts.
Pulses = Literal["all", "bursts", "counts"]
#: Unreadable lines of one file that are sent as events; more are only counted.
UNPARSED_TOLD = 100
#: Maximum pulses kept from one chunk to judge the next.
_RECENT_MOST = 400
_ZEROS_SENTENCE = "It contains zero bytes where lines should be."


class Wishes(NamedTuple):
    """Which lines are to be sent."""

    pulses: Pulses = "all"
    rule: BurstRule = BurstRule()
    events_kept: frozenset[str] = frozenset()


class Selection(NamedTuple):
    """The part of a chunk taken now: the number of lines, those to leave out, and the pulses to remember."""

    lines: int
    left_out: frozenset[int]
    recent: tuple[Heard, ...]


class Lines(NamedTuple):
    """The lines of a chunk, unchanged and with their numbers; `ended` when the file has no more for now."""

    read: list[LineRead]
    numbered: list[Numbered]
    ended: bool


class FilePortion(NamedTuple):
    """Position and account after the lines taken now, the lines sent, and all lines."""

    position: FilePosition
    account: OpenAccount
    told: list[Numbered]
    taken: list[Numbered]


def shows_marks(lines: Sequence[Numbered]) -> bool:
    """Whether these lines show that their writer marks noise itself: they contain an unused pulse or a filter line."""
    return any(
        not row.line.used
        if isinstance(row.line, PulseLine)
        else isinstance(row.line, Note) and row.line.name == "filter"
        for row in lines
    )


def lines_select(lines: Lines, recent: tuple[Heard, ...], wishes: Wishes, *, trusted: bool, last: bool) -> Selection:
    """Choose the lines to take now and the pulses to leave out.

    Marks count only if the writer is `trusted`: one that has never marked noise does not mark pulses at all.
    """
    numbered = lines.numbered
    if wishes.pulses == "all":
        return Selection(len(numbered), frozenset(), ())
    pulses = [(index, row.line) for index, row in enumerate(numbered) if isinstance(row.line, PulseLine)]
    if wishes.pulses == "counts":
        bursts = (index for index, row in enumerate(numbered) if isinstance(row.line, Burst))
        return Selection(len(numbered), frozenset([*bursts, *(index for index, _ in pulses)]), ())
    rule = wishes.rule
    unmarked = [(index, pulse) for index, pulse in pulses if not (pulse.marked and trusted)]
    heard = [*recent, *(pulse_heard(pulse) for _, pulse in unmarked)]
    in_burst = bursts_find(heard, rule)[len(recent) :]
    until = len(numbered)
    if unmarked and not last:
        # The newest pulses wait for the next lines, which may complete a burst.
        limit = unmarked[-1][1].at - rule.microseconds
        until = next(index for index, pulse in unmarked if pulse.at > limit)
        if until == 0 and not lines.ended:
            until = len(numbered)
    left_out = {index for (index, _), found in zip(unmarked, in_burst, strict=True) if not found}
    left_out |= {index for index, pulse in pulses if pulse.marked and trusted and not pulse.used}
    seen = [*recent, *(pulse_heard(pulse) for index, pulse in unmarked if index < until)]
    newest = max((pulse.at for pulse in seen), default=0)
    kept = [pulse for pulse in seen if pulse.at > newest - 2 * rule.microseconds]
    return Selection(until, frozenset(left_out), tuple(kept[-_RECENT_MOST:]))


def portion_take(
    lines: Lines, position: FilePosition, account: OpenAccount, selection: Selection, wishes: Wishes, places: Places
) -> FilePortion:
    """Advance position and account over the selected lines."""
    count = selection.lines
    taken, told, rest = lines.numbered[:count], [], lines.read[:count]
    figures = dict.fromkeys(Tally._fields, 0)
    size, heading, counted = sum([read.size for read in rest]), position.heading, 0
    if is_all_pulses := set(map(type, [row.line for row in taken])) == {PulseLine}:
        counted = taken[-1].number
    else:
        heading = next((row.line.text for row in reversed(taken) if isinstance(row.line, ColumnNames)), heading)
        counted = max((row.number for row in taken if isinstance(row.line, PulseLine)), default=0)
    refusals, damaged = dict(account.refusals), account.damaged
    if is_all_pulses and not selection.left_out and not any(read.lost for read in rest):
        # As in most chunks: nothing below applies to any line.
        told, rest = taken, []
        figures |= {"bytes_taken": size, "lines_taken": count}
    for index, (row, read) in enumerate(zip(taken, rest, strict=False)):
        if read.lost:
            word = read.refusal or ZEROS
            refusals[word] = refusals.get(word, 0) + 1
            damaged = damaged or word == ZEROS
        figures["bytes_refused"] += read.lost
        if read.refusal:
            if account.tally.lines_refused + figures["lines_refused"] < UNPARSED_TOLD and _is_told(row, wishes, places):
                told.append(row)
            figures["lines_refused"] += 1
        elif read.has_no_data:
            figures["bytes_taken"] += read.size
            figures["lines_taken"] += 1
        elif index not in selection.left_out and _is_told(row, wishes, places):
            told.append(row)
            figures["bytes_taken"] += read.size - read.lost
            figures["lines_taken"] += 1
        else:
            figures["bytes_kept_back"] += read.size - read.lost
            figures["lines_kept_back"] += 1
    moved = position._replace(
        offset=position.offset + size,
        line=position.line + len(taken),
        last_at=taken[-1].at if taken else position.last_at,
        recent=selection.recent,
        heading=heading,
    )
    now = replace(
        account,
        tally=account.tally.plus(Tally(**figures)),
        refusals=refusals,
        damaged=damaged,
        counted=max(account.counted, counted),
        reason=(account.reason or _ZEROS_SENTENCE) if damaged else "",
    )
    return FilePortion(moved, now, told, taken)


def zeros_take(zeros: int, position: FilePosition, account: OpenAccount) -> FilePortion:
    """Advance position and account over zero bytes in place of lines."""
    refusals = account.refused_add([ZEROS])
    now = replace(
        account,
        tally=account.tally.plus(Tally(bytes_refused=zeros)),
        refusals=refusals,
        damaged=True,
        reason=account.reason or _ZEROS_SENTENCE,
    )
    return FilePortion(position._replace(offset=position.offset + zeros), now, [], [])


def lost_add(account: OpenAccount, lost: int, damage: str) -> OpenAccount:
    """The account at the end of a damaged file, of which this many bytes cannot be unpacked."""
    if lost:
        refusals = account.refused_add([DAMAGE])
        account = replace(account, tally=account.tally.plus(Tally(bytes_refused=lost)), refusals=refusals)
    return replace(account, damaged=True, reason=damage)


def back_note(position: FilePosition, account: OpenAccount) -> str:
    """The position and account to return to if a finished file continues after all."""
    return json.dumps(
        [
            *(position.offset, position.line, position.last_at, position.recent),
            *(account.tally, account.refusals, position.heading),
        ]
    )


def back_take(position: FilePosition, account: OpenAccount) -> tuple[FilePosition, OpenAccount]:
    """The position and account from which to read a file that continues after all."""
    if account.back:
        # Notes written before headings were kept end with the refusals.
        offset, line, last_at, recent, tally, refusals, *heading = json.loads(account.back)
        heard = tuple(Heard(*pulse) for pulse in recent)
        position = position._replace(offset=offset, line=line, last_at=last_at, recent=heard)
        position = position._replace(heading=heading[0] if heading else "")
        account = replace(account, tally=Tally(*tally), refusals=refusals, back="")
    return position._replace(done=False), replace(account, state="open")


def _is_told(row: Numbered, wishes: Wishes, places: Places) -> bool:
    """Whether this line is sent, pulses aside."""
    if isinstance(row.line, Note):
        return row.line.name not in wishes.events_kept
    return not isinstance(row.line, Fix) or places.is_told(row.line)
