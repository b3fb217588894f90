"""Queries for the files that a station holds: how far each is on its way to the store, and totals.

kept ──the policy or a person wants it──▶ wanted ──asked──▶ asked ──▶ stored
                                            ▲                 ├────▶ refused, changed or gone: refused, and wanted
                                            └──its time ended─┘      again after a day, or as another content
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.core import clock
from fleet.files.store.models import FileRevision, StoredContent
from fleet.holdings.models import HeldFile, StationHolding
from fleet.holdings.policy import FetchRule, Mode
from fleet.stations.models import Station

#: The states of a file. Each file is in exactly one, so that the numbers add up.
STATES: dict[str, Promise] = {
    "stored": _("stored"),
    "asked": _("asked for"),
    "wanted": _("wanted, waiting for its turn"),
    "refused": _("refused"),
    "kept": _("only on the station"),
    "gone": _("gone from the station, not stored"),
}
#: The same for the API.
STATE_NAMES = [(name, name) for name in STATES]
#: Why a file stays on the station.
REASONS: dict[str, Promise] = {
    "nothing": _("The policy fetches nothing."),
    "demand": _("The policy fetches what people choose."),
    "no_detections": _("It has no detections, and the policy fetches files with detections."),
    "too_old": _("It is older than the policy fetches."),
    "too_large": _("It is larger than the policy allows for one day."),
}
#: Lines of these kinds are detections.
_DETECTIONS = ["pulse", "tag", "burst"]
#: Ends that asking again at once would only repeat: the content is not what was listed, or cannot be read.
FAILED_ENDS = ["refused", "changed", "gone"]
#: Time until a file with such an end is asked for again; if its content changes, it is asked for at once.
REFUSED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StateSum:
    """Number of files in a state, or kept for a reason, and their bytes."""

    files: int
    octets: int


def held_list(*, station: Station, rule: FetchRule, state: str = "", search: str = "") -> QuerySet[HeldFile]:
    """The station's files by path, descending, with `state` and, for those kept there, the reason `kept_for`."""
    moment = clock.now()
    rows = states_add(station, rule, moment, is_for_many=False)
    if state == "stored":
        # These subqueries read the stored contents once; as a condition on each row it would take seconds.
        files = HeldFile.objects.filter(station=station)
        same, known = files.filter(_same_stored(station)), files.filter(_later_stored(station))
        rows = rows.filter(pk__in=same.values("pk").union(known.values("pk")))
    elif state:
        rows = rows.filter(~_same_stored(station)).filter(~_later_stored(station)).filter(unstored=state)
    if search:
        rows = rows.filter(path__icontains=search.replace("\x00", ""))
    found: QuerySet[HeldFile] = rows.order_by("-path")
    return found


def held_sums(*, station: Station, rule: FetchRule) -> dict[tuple[str, str], StateSum]:
    """Files and bytes by state and by the reason for staying there; together they are all files of the list."""
    rows = states_add(station, rule, clock.now()).order_by()
    counted = rows.values("state", "kept_for").annotate(files=Count("pk"), sum_octets=Coalesce(Sum("octets"), 0))
    with transaction.atomic():
        memory_for_many()
        return {(row["state"], row["kept_for"]): StateSum(row["files"], int(row["sum_octets"])) for row in counted}


def sums_by_state(sums: dict[tuple[str, str], StateSum]) -> dict[str, StateSum]:
    """The totals of each state, including states without a file."""
    return {
        state: StateSum(
            sum(each.files for (name, _why), each in sums.items() if name == state),
            sum(each.octets for (name, _why), each in sums.items() if name == state),
        )
        for state in STATES
    }


def holding_of(*, station: Station) -> StationHolding | None:
    """The totals of its newest manifest; None if it never sent one."""
    return StationHolding.objects.filter(station=station).first()


def states_add(station: Station, rule: FetchRule, moment: datetime, *, is_for_many: bool = True) -> Any:
    """The station's files with `state`, and with the reason `kept_for` if the policy leaves them there.

    `is_for_many`: read all stored contents of the station once, instead of looking up each file's; see
    `memory_for_many`.
    """
    if is_for_many:
        contents = FileRevision.objects.filter(file__station=station, content__state=StoredContent.State.KEPT)
        is_stored = Q(sha256__in=contents.values("content__sha256")) | Q(
            end="known", path__in=contents.values("file__path")
        )
    else:
        # Look under its own path first, which nearly always finds it at once: an empty content has many other paths.
        is_stored = (
            Q(_same_stored(station, file__path=OuterRef("path"))) | Q(_same_stored(station)) | _later_stored(station)
        )
    return (
        HeldFile.objects.filter(station=station)
        .annotate(
            kept_by=Case(
                When(is_gone=True, then=Value("")),
                *_kept_cases(rule, moment),
                default=Value(""),
                output_field=CharField(),
            )
        )
        .annotate(
            #: The state of the file if it is not stored.
            unstored=Case(
                When(is_gone=True, then=Value("gone")),
                When(asked_until__gt=moment, then=Value("asked")),
                When(end__in=FAILED_ENDS, ended_at__gt=moment - REFUSED_FOR, then=Value("refused")),
                When(kept_by="", then=Value("wanted")),
                default=Value("kept"),
                output_field=CharField(),
            )
        )
        .annotate(
            kept_for=Case(When(is_stored, then=Value("")), default=F("kept_by"), output_field=CharField()),
            state=Case(When(is_stored, then=Value("stored")), default=F("unstored"), output_field=CharField()),
        )
    )


def memory_for_many() -> None:
    """Give the rest of the transaction memory for a large card's stored contents; else each file reads them again."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")


def _same_stored(station: Station, **more: Any) -> Exists:
    """Whether this content is stored for the station."""
    return Exists(
        FileRevision.objects.filter(
            file__station=station, content__state=StoredContent.State.KEPT, content__sha256=OuterRef("sha256"), **more
        )
    )


def _later_stored(station: Station) -> Q:
    """Whether it is an earlier state of a file that is stored in a later state: known, but not stored itself."""
    later = Exists(
        FileRevision.objects.filter(
            file__station=station, content__state=StoredContent.State.KEPT, file__path=OuterRef("path")
        )
    )
    return Q(end="known") & Q(later)


def _kept_cases(rule: FetchRule, moment: datetime) -> list[When]:
    """Reasons for which a file stays on the station; the first that applies counts. A person's choice beats most."""
    unwanted = Q(wanted_at=None)
    if rule.mode == Mode.NONE:
        return [When(Q(pk__isnull=False), then=Value("nothing"))]
    if rule.mode == Mode.ON_DEMAND:
        return [When(unwanted, then=Value("demand"))]
    cases = []
    if rule.mode == Mode.DETECTIONS:
        # A file whose lines are not known may have detections.
        known = ~Q(lines={}) & ~Q(lines__has_any_keys=_DETECTIONS)
        cases.append(When(unwanted & known, then=Value("no_detections")))
    if rule.days_most is not None:
        oldest = moment - timedelta(days=rule.days_most)
        old = Q(last_at__lt=oldest) | Q(last_at=None, modified_at__lt=oldest)
        cases.append(When(unwanted & old, then=Value("too_old")))
    if rule.octets_per_day is not None:
        cases.append(When(unwanted & Q(octets__gt=rule.octets_per_day), then=Value("too_large")))
    return cases
