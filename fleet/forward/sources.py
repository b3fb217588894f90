"""Sources of a lane's rows: refused rows to send again, then new rows, then a back-fill; each moves its own cursor.

A page has readings or detections, not both. Of what is new, and of a back-fill, readings come first:

    readings of the notes ──no more of them──▶ detections of the notes ──no more──▶ the next notes
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from fleet.forward.feed import FeedChunk, StoredRow, chunk_next, chunk_rows, stored_after, stored_at
from fleet.forward.heard import HeardKey, StoredDetection, chunk_heard, heard_after, heard_at, kinds_wanted
from fleet.forward.models import DETECTION_KEY, Forwarder, RefusedRow
from fleet.stations.models import Station
from fleet.telemetry.models import Series

Fields = Callable[[int], dict[str, Any]]


class Page(NamedTuple):
    """Some rows. `fields`: the forwarder's, once the first n rows are done; `is_again`: they were refused before."""

    rows: Sequence[StoredRow] | Sequence[StoredDetection]
    fields: Fields
    is_again: bool = False


#: Series or stations that one page of a back-fill looks at; most of them may have no rows in its span.
_LOOKED_AT_MOST: Final = 500
#: Fields of a source whose rows are all done.
_NO_ROW: Final[dict[str, Any]] = {"row_series": None, "row_at": None, "row_detection": None}
_NO_BACKFILL: Final = dict.fromkeys(
    ("backfill_from", "backfill_until", "backfill_series", "backfill_at", "backfill_detection")
)


def page_next(forwarder: Forwarder, most: int) -> Page | None:
    """The next rows; None if nothing waits. A page without rows only has fields to write.

    The end of a chunk is stored before anything of it is sent, so that another try sends the same rows in the same
    messages. Raises `Unavailable` if some are in cold storage that cannot be read now.
    """
    return _again(forwarder, most) or _new(forwarder, most) or _backfill(forwarder, most)


def _again(forwarder: Forwarder, most: int) -> Page | None:
    waiting = RefusedRow.objects.filter(forwarder=forwarder, is_waiting=True)
    keys = list(
        waiting.filter(station=None).order_by("series_id", "occurred_at").values_list("series_id", "occurred_at")[:most]
    )
    if keys:
        found = stored_at(keys)
        # Keys without a row: retention or a person removed it, or its time was corrected. It stays counted as refused.
        for series_id, moment in (key for key in keys if key not in found):
            waiting.filter(series_id=series_id, occurred_at=moment).delete()
        return Page([found[key] for key in keys if key in found], lambda _done: {}, is_again=True)
    heard = [HeardKey(*key) for key in waiting.order_by(*DETECTION_KEY).values_list(*DETECTION_KEY)[:most]]
    if not heard:
        return None
    there = heard_at(heard)
    for gone in (key for key in heard if key not in there):
        waiting.filter(**dict(zip(DETECTION_KEY, gone, strict=True))).delete()
    return Page([there[key] for key in heard if key in there], lambda _done: {}, is_again=True)


def _new(forwarder: Forwarder, most: int) -> Page | None:
    chunk = chunk_next(forwarder)
    if chunk is None:
        return None
    if forwarder.upto_xact is None:
        forwarder.upto_xact, forwarder.upto_id = chunk.upto
        ours = Forwarder.objects.filter(pk=forwarder.pk, claims=forwarder.claims)
        if not ours.update(upto_xact=forwarder.upto_xact, upto_id=forwarder.upto_id):
            return None
    if forwarder.row_detection is None and chunk.hours:
        page = _new_readings(forwarder, chunk, most)
        if page.rows or not chunk.heard:
            return page
    return _new_heard(forwarder, chunk, most)


def _new_readings(forwarder: Forwarder, chunk: FeedChunk, most: int) -> Page:
    rows = chunk_rows(chunk, series=forwarder.row_series, moment=forwarder.row_at, most=most)
    over = {**_NO_ROW, "row_detection": HeardKey.before(0).stored()} if chunk.heard else _over(chunk)

    def fields(done: int) -> dict[str, Any]:
        if done == len(rows) and len(rows) < most:
            return over
        return {"row_series": rows[done - 1].series_id, "row_at": rows[done - 1].occurred_at} if done else {}

    return Page(rows, fields)


def _new_heard(forwarder: Forwarder, chunk: FeedChunk, most: int) -> Page:
    after = HeardKey.of(forwarder.row_detection) if forwarder.row_detection else HeardKey.before(0)
    kinds = kinds_wanted(forwarder)
    rows = chunk_heard(chunk, kinds=kinds, after=after, most=most) if kinds else []

    def fields(done: int) -> dict[str, Any]:
        if done == len(rows) and len(rows) < most:
            return _over(chunk)
        return {"row_detection": rows[done - 1].key.stored()} if done else {}

    return Page(rows, fields)


def _over(chunk: FeedChunk) -> dict[str, Any]:
    return {"after_xact": chunk.upto[0], "after_id": chunk.upto[1], "upto_xact": None, "upto_id": None, **_NO_ROW}


def _backfill(forwarder: Forwarder, most: int) -> Page | None:
    start, end = forwarder.backfill_from, forwarder.backfill_until
    if start is None or end is None:
        return None
    if forwarder.backfill_detection is None and forwarder.wants_readings:
        return _backfill_readings(forwarder, start, end, most)
    return _backfill_heard(forwarder, start, end, most)


def _backfill_readings(forwarder: Forwarder, start: datetime, end: datetime, most: int) -> Page:
    ours = Series.objects.filter(
        station__organization_id=forwarder.organization_id, pk__gte=forwarder.backfill_series or 0
    )
    if forwarder.reach == Forwarder.Reach.STATIONS:
        ours = ours.filter(station__in=forwarder.station_ids)
    rows: list[StoredRow] = []
    numbers = list(ours.order_by("pk").values_list("pk", flat=True)[: _LOOKED_AT_MOST + 1])
    for series_id in numbers[:_LOOKED_AT_MOST]:
        after = forwarder.backfill_at if series_id == forwarder.backfill_series else None
        rows += stored_after(series_id=series_id, after=after, start=start, end=end, most=most - len(rows))
        if len(rows) >= most:
            break
    whole: dict[str, Any]
    if len(rows) >= most:
        whole = {"backfill_series": rows[-1].series_id, "backfill_at": rows[-1].occurred_at}
    elif len(numbers) > _LOOKED_AT_MOST:
        whole = {"backfill_series": numbers[_LOOKED_AT_MOST], "backfill_at": None}
    elif kinds_wanted(forwarder):
        whole = {"backfill_series": None, "backfill_at": None, "backfill_detection": HeardKey.before(0).stored()}
    else:
        whole = _NO_BACKFILL

    def fields(done: int) -> dict[str, Any]:
        if done == len(rows):
            return whole
        return {"backfill_series": rows[done - 1].series_id, "backfill_at": rows[done - 1].occurred_at} if done else {}

    return Page(rows, fields)


def _backfill_heard(forwarder: Forwarder, start: datetime, end: datetime, most: int) -> Page:
    after = HeardKey.of(forwarder.backfill_detection) if forwarder.backfill_detection else HeardKey.before(0)
    ours = Station.objects.filter(organization=forwarder.organization_id, deleted_at=None, pk__gte=after.station_id)
    if forwarder.reach == Forwarder.Reach.STATIONS:
        ours = ours.filter(pk__in=forwarder.station_ids)
    rows: list[StoredDetection] = []
    numbers = list(ours.order_by("pk").values_list("pk", flat=True)[: _LOOKED_AT_MOST + 1])
    for station_id in numbers[:_LOOKED_AT_MOST]:
        rows += heard_after(
            after=after if station_id == after.station_id else HeardKey.before(station_id),
            start=start,
            end=end,
            kinds=kinds_wanted(forwarder),
            most=most - len(rows),
        )
        if len(rows) >= most:
            break
    whole: dict[str, Any]
    if len(rows) >= most:
        whole = {"backfill_detection": rows[-1].key.stored()}
    elif len(numbers) > _LOOKED_AT_MOST:
        whole = {"backfill_detection": HeardKey.before(numbers[_LOOKED_AT_MOST]).stored()}
    else:
        whole = _NO_BACKFILL

    def fields(done: int) -> dict[str, Any]:
        if done == len(rows):
            return whole
        return {"backfill_detection": rows[done - 1].key.stored()} if done else {}

    return Page(rows, fields)
