"""The sums of a back-fill: kept in its row and added to with each piece, so that no page has to count files."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from fleet.core.errors import InvalidInput
from fleet.ingest.cards.box import FILES_MOST
from fleet.ingest.cards.survey import LineCounts, StationOnCard
from formats.sensorgnome.account import Tally
from formats.sensorgnome.card import FileReport

#: Maximum stations; no card has files of more.
SERIALS_MOST = 50
#: Maximum reasons of refused lines; further ones are summed as `other`.
_REASONS_MOST = 50


class SerialTotals(msgspec.Struct):
    """Files named for one serial, or for none. Lines by their letter; times in microseconds since 1970."""

    files: int = 0
    lines: dict[str, int] = {}
    before: dict[str, int] = {}
    first_at: int | None = None
    last_at: int | None = None
    unset: int = 0
    wrong: int = 0
    corrected: int = 0
    doubtful_file: str = ""


class Totals(msgspec.Struct):
    """Sums over all files. `lines_read = taken + known + kept_back + refused`, and likewise for bytes.

    Of the lines of the station's own files, `before` were here at the survey, and `after` once all was sent. `held`:
    messages that are held back, by reason. `missing`: numbers that the ledger lacked at the survey, in streams of which
    it had some; `closed` of these have arrived since.
    """

    files: int = 0
    #: Files by the state of their account.
    states: dict[str, int] = {}
    tally: Tally = Tally()
    refusals: dict[str, int] = {}
    serials: dict[str, SerialTotals] = {}
    after: dict[str, int] = {}
    held: dict[str, int] = {}
    missing: int = 0
    closed: int = 0
    #: Files that changed between survey and sending.
    changed: int = 0
    #: The corrections of times that were in effect when the survey began, in microseconds.
    offsets: list[int] | None = None
    #: Times were corrected during sending, so the survey and its questions are repeated.
    is_again: bool = False

    def report_add(self, report: FileReport, counts: LineCounts) -> None:
        """Count a file of the survey. Raises `InvalidInput` for too many files, and for those of too many stations."""
        if self.files >= FILES_MOST:
            raise InvalidInput(f"The archives have more than {FILES_MOST} files in all. Choose fewer.")
        self.files += 1
        account = report.account
        self.states[account.state] = self.states.get(account.state, 0) + 1
        self.tally = self.tally.plus(account.tally)
        for word, number in account.refusals.items():
            known = word if word in self.refusals or len(self.refusals) < _REASONS_MOST else "other"
            self.refusals[known] = self.refusals.get(known, 0) + number
        if report.name is None:
            return
        serial = report.name.serial
        if serial not in self.serials and len(self.serials) >= SERIALS_MOST:
            raise InvalidInput(f"The files are named for more than {SERIALS_MOST} stations. Choose fewer files.")
        on = on_card(serial, self.serials.get(serial, SerialTotals()))
        on.file_add(report.file, counts)
        self.serials[serial] = SerialTotals(
            files=on.files,
            lines=dict(on.lines),
            before=dict(on.known),
            first_at=on.first_at,
            last_at=on.last_at,
            unset=on.unset,
            wrong=on.wrong,
            corrected=on.corrected,
            doubtful_file=on.doubtful_file,
        )


def on_card(serial: str, found: SerialTotals) -> StationOnCard:
    """The sums of a serial in the form of a card's survey."""
    return StationOnCard(
        serial=serial,
        files=found.files,
        lines=Counter(found.lines),
        known=Counter(found.before),
        first_at=found.first_at,
        last_at=found.last_at,
        unset=found.unset,
        wrong=found.wrong,
        corrected=found.corrected,
        doubtful_file=found.doubtful_file,
    )


def totals_read(stored: dict[str, Any]) -> Totals:
    """The sums from the row."""
    return msgspec.convert(stored, Totals)


def totals_write(totals: Totals) -> dict[str, Any]:
    """The sums for the row."""
    found: dict[str, Any] = msgspec.to_builtins(totals)
    return found


def counters_add(total: dict[str, int], more: Iterable[tuple[str, int]]) -> None:
    """Add numbers by their names."""
    for name, number in more:
        total[name] = total.get(name, 0) + number
