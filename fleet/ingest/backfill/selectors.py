"""Queries for back-fills: the list of a station, one back-fill with its questions, and its files."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.ingest.backfill.totals import Totals, on_card, totals_read
from fleet.ingest.cards.services import CardAnswers, CardQuestion, card_questions
from fleet.ingest.cards.survey import StationOnCard, serials_of
from fleet.ingest.models import Backfill, BackfillFile
from fleet.stations.models import Station

#: Surveys count in microseconds.
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class KindOfLines:
    """Lines of one letter in the station's own files: `lines = before + new + missing`. `after` is None until sent."""

    letter: str
    lines: int
    before: int
    after: int | None

    @property
    def new(self) -> int:
        """Lines that were not here at the survey; after sending, only those that have arrived."""
        return (self.lines if self.after is None else self.after) - self.before

    @property
    def missing(self) -> int:
        """Lines that were sent and are not here."""
        return 0 if self.after is None else self.lines - self.after


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Findings and results of a back-fill. `own`: the station's own files. `others`: files of other stations."""

    totals: Totals
    kinds: list[KindOfLines]
    own: list[StationOnCard]
    others: list[StationOnCard]

    @property
    def first_at(self) -> datetime | None:
        """The first credible time in the station's own files."""
        return min(
            (clock.from_seconds(on.first_at / _SECOND) for on in self.own if on.first_at is not None), default=None
        )

    @property
    def last_at(self) -> datetime | None:
        """The last credible time in the station's own files."""
        return max(
            (clock.from_seconds(on.last_at / _SECOND) for on in self.own if on.last_at is not None), default=None
        )


def backfill_list(*, station: Station) -> QuerySet[Backfill]:
    """The back-fills of a station, the newest first."""
    return Backfill.objects.filter(station=station).order_by("-id")


def backfill_find(*, station: Station, backfill_id: int) -> Backfill:
    """One back-fill of a station. Raises `NotFound`."""
    found = Backfill.objects.select_related("station").filter(station=station, pk=backfill_id).first()
    if found is None:
        raise NotFound(_("Stored files of this station were never read under this number."))
    return found


def backfill_files(*, backfill: Backfill, all_files: bool = False) -> QuerySet[BackfillFile]:
    """The files of a back-fill: all, or only those with a reason, refused lines, or another state than done."""
    rows = BackfillFile.objects.filter(backfill=backfill)
    return rows if all_files else rows.filter(~Q(state="done") | ~Q(reason="") | Q(lines_refused__gt=0))


def backfill_report(backfill: Backfill) -> BackfillReport:
    """The findings so far."""
    totals = totals_read(backfill.totals)
    own = serials_of(backfill.station, backfill.also_of) | {""}
    found = [on_card(serial, one) for serial, one in totals.serials.items()]
    mine = [on for on in found if on.serial in own]
    lines, before = Counter[str](), Counter[str]()
    for on in mine:
        lines.update(on.lines)
        before.update(on.known)
    is_sent = backfill.state == Backfill.State.DONE
    kinds = [
        KindOfLines(letter, number, before[letter], totals.after.get(letter, 0) if is_sent else None)
        for letter, number in sorted(lines.items())
        if number
    ]
    others = sorted((on for on in found if on.serial not in own), key=lambda on: -on.files)
    return BackfillReport(totals, kinds, mine, others)


def backfill_questions(backfill: Backfill) -> list[CardQuestion]:
    """Questions that are still to be answered before it is sent."""
    found = [on_card(serial, one) for serial, one in totals_read(backfill.totals).serials.items()]
    answers = CardAnswers(backfill.also_of, backfill.leaves_others, backfill.any_clock)
    return card_questions(station=backfill.station, found=found, answers=answers)
