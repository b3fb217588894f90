"""Sources of a lane's rows: refused rows to send again, then new rows, then a back-fill; each moves its own cursor."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fleet.forward.feed import StoredRow, chunk_next, chunk_rows, stored_after, stored_at
from fleet.forward.models import Forwarder, RefusedRow
from fleet.telemetry.models import Series


class Page(NamedTuple):
    """Some rows, and the forwarder's fields once so many of the first are done; `is_again`: they were refused before."""

    rows: Sequence[StoredRow]
    fields: Callable[[int], dict[str, Any]]
    is_again: bool = False


#: Series that one page of a back-fill looks at; most of them may have no rows in its span.
_SERIES_MOST = 500
#: Of a source whose rows are all done.
_NO_ROW = {"row_series": None, "row_at": None}


def page_next(forwarder: Forwarder, most: int) -> Page | None:
    """The next rows; None if nothing waits. A page may be without rows: then only its fields are to be written.

    The end of what is being sent is written before anything is sent, so that another try sends the same rows in the
    same messages.
    """
    return _again(forwarder, most) or _new(forwarder, most) or _backfill(forwarder, most)


def _again(forwarder: Forwarder, most: int) -> Page | None:
    waiting = RefusedRow.objects.filter(forwarder=forwarder, is_waiting=True).order_by("series_id", "occurred_at")
    keys = list(waiting.values_list("series_id", "occurred_at")[:most])
    if not keys:
        return None
    found = stored_at(keys)
    if gone := [key for key in keys if key not in found]:
        # Retention or a person removed them, or their time was corrected. They stay counted as refused.
        for series_id, moment in gone:
            waiting.filter(series_id=series_id, occurred_at=moment).delete()
    return Page([found[key] for key in keys if key in found], lambda _done: {}, is_again=True)


def _new(forwarder: Forwarder, most: int) -> Page | None:
    chunk = chunk_next(forwarder)
    if chunk is None:
        return None
    if forwarder.upto_xact is None:
        forwarder.upto_xact, forwarder.upto_id = chunk.upto
        ours = Forwarder.objects.filter(pk=forwarder.pk, claims=forwarder.claims)
        if not ours.update(upto_xact=forwarder.upto_xact, upto_id=forwarder.upto_id):
            return None
    rows = chunk_rows(chunk, series=forwarder.row_series, moment=forwarder.row_at, most=most)
    over = {"after_xact": chunk.upto[0], "after_id": chunk.upto[1], "upto_xact": None, "upto_id": None, **_NO_ROW}

    def fields(done: int) -> dict[str, Any]:
        if done == len(rows) and len(rows) < most:
            return over
        return {"row_series": rows[done - 1].series_id, "row_at": rows[done - 1].occurred_at} if done else {}

    return Page(rows, fields)


def _backfill(forwarder: Forwarder, most: int) -> Page | None:
    start, end = forwarder.backfill_from, forwarder.backfill_until
    if start is None or end is None:
        return None
    ours = Series.objects.filter(
        station__organization_id=forwarder.organization_id, pk__gte=forwarder.backfill_series or 0
    )
    if forwarder.reach == Forwarder.Reach.STATIONS:
        ours = ours.filter(station__in=forwarder.station_ids)
    rows: list[StoredRow] = []
    numbers = list(ours.order_by("pk").values_list("pk", flat=True)[: _SERIES_MOST + 1])
    for series_id in numbers[:_SERIES_MOST]:
        after = forwarder.backfill_at if series_id == forwarder.backfill_series else None
        rows += stored_after(series_id=series_id, after=after, start=start, end=end, most=most - len(rows))
        if len(rows) >= most:
            break
    if len(rows) >= most:
        whole = {"backfill_series": rows[-1].series_id, "backfill_at": rows[-1].occurred_at}
    elif len(numbers) > _SERIES_MOST:
        whole = {"backfill_series": numbers[_SERIES_MOST], "backfill_at": None}
    else:
        whole = dict.fromkeys(("backfill_from", "backfill_until", "backfill_series", "backfill_at"))

    def fields(done: int) -> dict[str, Any]:
        if done == len(rows):
            return whole
        return {"backfill_series": rows[done - 1].series_id, "backfill_at": rows[done - 1].occurred_at} if done else {}

    return Page(rows, fields)
