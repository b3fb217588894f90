"""Surveys of cards: which stations' lines are on a card, which of them are here already, and what is doubtful.

A survey writes nothing. Every line of the card is new, here already, refused, or left because its file is no data.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.ingest.cards.box import CardBox
from fleet.ingest.cards.known import lines_corrected, lines_known, numbers_known, offsets_of, stations_of_serial
from fleet.stations.models import Station
from formats.sensorgnome.account import Tally
from formats.sensorgnome.card import CardPart, FileReport
from formats.sensorgnome.content import letter_of
from formats.sensorgnome.names import FileName, serial_key

#: No station wrote before 2010; a clock before that was never set. In microseconds, like the next one.
_EARLIEST = 1_262_304_000 * 1_000_000
#: Time by which a line may be ahead of this server.
_AHEAD = 86_400 * 1_000_000
#: The clock code in the names of files that began while the clock was not set.
_UNSET = "P"


@dataclass
class StationOnCard:
    """The files named for one station, or for none if `serial` is empty. Lines are counted by their letter."""

    serial: str
    #: The station in Roost, if there is one.
    station: Station | None
    files: int = 0
    #: First and last time in their lines, in microseconds since 1970, of lines with a credible time.
    first_at: int | None = None
    last_at: int | None = None
    lines: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    #: Lines of files written while the clock was not set, and other lines with an impossible time; and their files.
    unset: int = 0
    wrong: int = 0
    doubtful_files: set[str] = field(default_factory=set)
    #: Lines that are here with a corrected time, and would come again with the one on the card if it were sent.
    corrected: int = 0

    @property
    def new(self) -> Counter[str]:
        """Lines that are not here."""
        return self.lines - self.known


@dataclass
class CardSurvey:
    """The result. `stations` by the serial in the names, those with the most files first."""

    stations: list[StationOnCard]
    reports: list[FileReport]

    @property
    def tally(self) -> Tally:
        """Bytes and lines of all files by outcome, before anybody looked into the database."""
        total = Tally()
        for report in self.reports:
            total = total.plus(report.account.tally)
        return total

    @property
    def refused(self) -> list[FileReport]:
        """Files of which something is not taken, or that are no data."""
        return [report for report in self.reports if report.is_refused or report.account.state == "refused"]

    @property
    def is_whole(self) -> bool:
        """Whether nothing that may be data is refused or damaged."""
        return not any(report.is_refused for report in self.reports)


def serials_of(station: Station, also_of: Sequence[str] = ()) -> frozenset[str]:
    """The serials whose files are this station's, as they are in names. Raises `InvalidInput` for no such serial."""
    for serial in also_of:
        if not serial_key(serial):
            raise InvalidInput(
                _(
                    "%(serial)s is not the serial of a Sensorgnome or SensorStation: files are told apart by serials "
                    "like SG-7F5ERPI46977 and CTT-V30B0154CD0C."
                )
                % {"serial": serial[:80]}
            )
    return frozenset({serial_key(station.serial), *map(serial_key, also_of)})


def card_survey(box: CardBox, *, station: Station | None = None, also_of: Sequence[str] = ()) -> CardSurvey:
    """Read the whole card and compare it with the database.

    With `station`, its files, those of `also_of` and those named for nobody are compared with it; other files always
    with the station they are named for.
    """
    own = serials_of(station, also_of) | {""} if station else frozenset[str]()
    book = _Book(station, own)
    reader = box.reader()
    for part in reader.parts():
        book.add(part)
    for report in reader.reports:
        if report.name is not None:
            book.of(report).files += 1
    found = sorted(book.met.values(), key=lambda on: (-on.files, on.serial))
    return CardSurvey(found, reader.reports)


class _Book:
    """The stations met so far."""

    def __init__(self, station: Station | None, own: frozenset[str]) -> None:
        self.met: dict[str, StationOnCard] = {}
        self._station = station
        self._own = own
        self._ids: dict[str, list[int]] = {}
        self._offsets: dict[str, list[int]] = {}
        self._latest = int(clock.now().timestamp() * 1_000_000) + _AHEAD

    def of(self, report: FileReport) -> StationOnCard:
        """The station that a file is named for."""
        serial = report.name.serial if report.name else ""
        if serial not in self.met:
            station = self._station if serial in self._own else station_named(serial)
            self.met[serial] = StationOnCard(serial, station)
            self._ids[serial] = stations_of_serial(station) if station else []
            self._offsets[serial] = offsets_of(self._ids[serial]) if station else []
        return self.met[serial]

    def add(self, part: CardPart) -> None:
        """Count a part's lines."""
        on, name = self.of(part.report), part.report.name
        if name is None:
            return
        known = self._known(on, part, name)
        for row in part.told:
            letter = letter_of(row.line)
            on.lines[letter] += 1
            on.known[letter] += row.number in known
            if _EARLIEST <= row.at <= self._latest:
                on.first_at = row.at if on.first_at is None else min(on.first_at, row.at)
                on.last_at = row.at if on.last_at is None else max(on.last_at, row.at)
                doubt = name.clock == _UNSET
                on.unset += doubt
            else:
                doubt = True
                on.wrong += 1
            if doubt:
                on.doubtful_files.add(part.report.file)

    def _known(self, on: StationOnCard, part: CardPart, name: FileName) -> set[int]:
        """The numbers of the lines that are here."""
        if on.station is None:
            return set()
        ids, offsets = self._ids[on.serial], self._offsets[on.serial]
        known = lines_known(ids, part.told, name)
        if not offsets:
            return known
        corrected = lines_corrected(ids, [row for row in part.told if row.number not in known], name, offsets)
        seqs = {message.seq for message in part.messages}
        if corrected and numbers_known(on.station, part.report.stream, seqs) != seqs:
            on.corrected += len(corrected)
        return known | corrected


def station_named(serial: str) -> Station | None:
    """The station for which a file with this serial in its name was written."""
    if not serial:
        return None
    return Station.objects.filter(serial__in=(f"SG-{serial}", serial, f"SG-{serial}_1", f"{serial}_1")).first()
