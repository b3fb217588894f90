"""The stored files that a back-fill reads, in an order that lets it resume at any of them."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from fleet.files.models import FileRevision
from fleet.ingest.models import Backfill, BackfillFile

_PORTION = 500


class BackfillPlace(NamedTuple):
    """Progress of a back-fill: the last revision begun, and the number of its files that are read, 0 if all are."""

    path: str = ""
    number: int = 0
    member: int = 0


def place_of(backfill: Backfill) -> BackfillPlace:
    """The place at which the back-fill goes on."""
    return BackfillPlace(backfill.at_path, backfill.at_number, backfill.at_member)


def revisions_selected(backfill: Backfill) -> QuerySet[FileRevision]:
    """The stored files of a back-fill, in the order in which they are read."""
    rows = FileRevision.objects.filter(file__station_id=backfill.station_id, pk__lte=backfill.newest_id)
    if backfill.revision_ids:
        rows = rows.filter(pk__in=backfill.revision_ids)
    if backfill.search:
        rows = rows.filter(file__path__icontains=backfill.search)
    if backfill.stored_since:
        rows = rows.filter(last_met_at__gte=backfill.stored_since)
    if backfill.is_unread:
        left = BackfillFile.objects.filter(
            backfill=OuterRef("backfill"), revision_id=OuterRef("revision_id"), is_left=True
        )
        done = BackfillFile.objects.filter(
            ~Exists(left),
            revision_id=OuterRef("pk"),
            content_id=OuterRef("content_id"),
            backfill__station_id=backfill.station_id,
            backfill__state=Backfill.State.DONE,
        )
        rows = rows.filter(~Exists(done))
    return rows.select_related("file", "content").order_by("file__path", "number")


def revisions_left(backfill: Backfill) -> Iterator[FileRevision]:
    """The stored files that are left to read; an archive that is partly read comes first."""
    at = place_of(backfill)
    while True:
        after = Q(number__gt=at.number) if not at.member else Q(number__gte=at.number)
        rows = revisions_selected(backfill).filter(Q(file__path__gt=at.path) | Q(file__path=at.path) & after)
        portion = list(rows[:_PORTION])
        yield from portion
        if len(portion) < _PORTION:
            return
        at = BackfillPlace(portion[-1].file.path, portion[-1].number)
