"""Surveys of cards: which stations' lines are on a card, which lines are here already, and which are doubtful.

A survey writes nothing. Every line of the card is new, here already, refused, or kept back because its file is no data.
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
from formats.sensorgnome.card import CardPart, CardReader, FileReport
from formats.sensorgnome.content import letter_of
from formats.sensorgnome.names import FileName, serial_key

#: No station wrote before 2010; a clock before that was never set. In microseconds, like the next one.
_EARLIEST = 1_262_304_000 * 1_000_000
#: How far a line may be ahead of this server's clock.
_AHEAD = 86_400 * 1_000_000
#: The clock code in the names of files that began while the clock was not set.
_UNSET = "P"


@dataclass
class LineCounts:
    """Lines by their letter, and how many of them are known or doubtful."""

    #: First and last time in them, in microseconds since 1970, of lines with a credible time.
    first_at: int | None = None
    last_at: int | None = None
    lines: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    #: Lines of files written while the clock was not set, and other lines with an impossible time.
    unset: int = 0
    wrong: int = 0
    #: Lines that are here with a corrected time, and would be stored again with the time on the card if it were sent.
    corrected: int = 0

    @property
    def new(self) -> Counter[str]:
        """Lines that are not here."""
        return self.lines - self.known

    @property
    def doubtful(self) -> int:
        """Lines with a time that cannot be believed."""
        return self.unset + self.wrong

    def span_add(self, first_at: int, last_at: int) -> None:
        """Extend the span of the lines' times."""
        self.first_at = first_at if self.first_at is None else min(self.first_at, first_at)
        self.last_at = last_at if self.last_at is None else max(self.last_at, last_at)

    def add(self, other: "LineCounts") -> None:
        """Count these lines too."""
        if other.first_at is not None and other.last_at is not None:
            self.span_add(other.first_at, other.last_at)
        self.lines.update(other.lines)
        self.known.update(other.known)
        self.unset += other.unset
        self.wrong += other.wrong
        self.corrected += other.corrected


@dataclass
class StationOnCard(LineCounts):
    """The files named for one station, or for none if `serial` is empty."""

    serial: str = ""
    #: The station in Roost with which they are compared, if there is one.
    station: Station | None = None
    files: int = 0
    #: The first file with a doubtful time.
    doubtful_file: str = ""

    def file_add(self, name: str, counts: LineCounts) -> None:
        """Count a file."""
        self.files += 1
        self.add(counts)
        if counts.doubtful:
            self.doubtful_file = min(self.doubtful_file or name, name)


@dataclass
class CardSurvey:
    """Result of a survey. `stations`: one for each serial in the names, those with the most files first."""

    stations: list[StationOnCard]
    reports: list[FileReport]

    @property
    def tally(self) -> Tally:
        """Bytes and lines of all files by outcome, without regard to the database."""
        total = Tally()
        for report in self.reports:
            total = total.plus(report.account.tally)
        return total

    @property
    def refused(self) -> list[FileReport]:
        """Files that are damaged, or refused in part or as a whole."""
        return [report for report in self.reports if report.is_refused or report.account.state == "refused"]

    @property
    def is_whole(self) -> bool:
        """Whether nothing that may be data is refused or damaged."""
        return not any(report.is_refused for report in self.reports)


def serials_of(station: Station, also_of: Sequence[str] = ()) -> frozenset[str]:
    """The serials of this station's files, as written in file names. Raises `InvalidInput` for an impossible serial."""
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

    With `station`, files named for it, for `also_of`, or for nobody are compared with this station. All other files are
    compared with the station they are named for.
    """
    own = serials_of(station, also_of) | {""} if station else frozenset[str]()
    judge = LineJudge(station, own)
    reader = box.reader()
    counts = counts_of(reader, judge)
    met: dict[str, StationOnCard] = {}
    for report in reader.reports:
        if report.name is not None:
            serial = report.name.serial
            on = met.setdefault(serial, StationOnCard(serial=serial, station=judge.station_of(serial)))
            on.file_add(report.file, counts.get(id(report), LineCounts()))
    return CardSurvey(sorted(met.values(), key=lambda on: (-on.files, on.serial)), reader.reports)


def counts_of(reader: CardReader, judge: "LineJudge") -> dict[int, LineCounts]:
    """Read everything, and count the lines of each report, by its `id()`, because names may occur twice."""
    counts: dict[int, LineCounts] = {}
    for part in reader.parts():
        judge.count(counts.setdefault(id(part.report), LineCounts()), part)
    return counts


class LineJudge:
    """Looks lines up in the database, and judges their times.

    `own`: serials whose files are the station's. Files of others are compared with the station they are named for, or
    with none if `others` is false, because that station may belong to another organization.
    """

    def __init__(self, station: Station | None, own: frozenset[str], *, others: bool = True) -> None:
        self._station = station
        self._own = own
        self._others = others
        self._found: dict[str, tuple[Station | None, list[int], list[int]]] = {}
        self._latest = int(clock.now().timestamp() * 1_000_000) + _AHEAD

    def station_of(self, serial: str) -> Station | None:
        """The station with which files of this serial are compared."""
        return self._stations(serial)[0]

    def count(self, counts: LineCounts, part: CardPart) -> None:
        """Count a part's lines."""
        name = part.report.name
        if name is None:
            return
        known = self._known(counts, part, name)
        letters = [letter_of(row.line) for row in part.told]
        counts.lines.update(letters)
        counts.known.update(dict.fromkeys(letters, 0))
        if known:
            counts.known.update(letter for letter, row in zip(letters, part.told, strict=True) if row.number in known)
        moments = [row.at for row in part.told if _EARLIEST <= row.at <= self._latest]
        counts.wrong += len(letters) - len(moments)
        if moments:
            counts.span_add(min(moments), max(moments))
        if name.clock == _UNSET:
            counts.unset += len(moments)

    def _known(self, counts: LineCounts, part: CardPart, name: FileName) -> set[int]:
        """The numbers of the lines that are here."""
        station, ids, offsets = self._stations(name.serial)
        if station is None:
            return set()
        known = lines_known(ids, part.told, name)
        if not offsets:
            return known
        corrected = lines_corrected(ids, [row for row in part.told if row.number not in known], name, offsets)
        seqs = {message.seq for message in part.messages}
        if corrected and numbers_known(station, part.report.stream, seqs) != seqs:
            counts.corrected += len(corrected)
        return known | corrected

    def _stations(self, serial: str) -> tuple[Station | None, list[int], list[int]]:
        """The station for a serial, the ids that may own its lines, and the corrections of their times."""
        if serial not in self._found:
            other = station_named(serial) if self._others else None
            station = self._station if serial in self._own else other
            ids = stations_of_serial(station) if station else []
            self._found[serial] = station, ids, offsets_of(ids) if station else []
        return self._found[serial]


def station_named(serial: str) -> Station | None:
    """The station that a serial in a file name belongs to, if there is one."""
    if not serial:
        return None
    return Station.objects.filter(serial__in=(f"SG-{serial}", serial, f"SG-{serial}_1", f"{serial}_1")).first()
