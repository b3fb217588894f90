"""Single detections that match a filter.

The hourly counts say where to look: a tag is rare among 10⁸ pulses.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet, Sum

from fleet.stations.models import Station
from fleet.telemetry.heard.question import HOUR, hour_of
from fleet.telemetry.models import Detection, DetectionCount, TagHour
from fleet.telemetry.selectors import DetectionCursor, detection_list, detections_in, range_check


def hours_counted(
    *, station: Station, start: datetime, end: datetime, kind: int | None, port: int | None, tag: str
) -> list[tuple[datetime, int]]:
    """Hours with detections that match, oldest first, and their number in each. With a `tag`, pulses do not count."""
    return list(_counts(station, start, end, kind, port, tag).order_by("hour"))


def detections_newest(
    *,
    station: Station,
    start: datetime,
    end: datetime,
    kind: int | None = None,
    port: int | None = None,
    tag: str = "",
    after: DetectionCursor | None = None,
    limit: int,
) -> list[Detection]:
    """At most `limit` detections from `start` up to `end` that match, newest first, and after the cursor if given."""
    if kind is None and port is None and not tag:
        return detection_list(station=station, start=start, end=end, after=after, limit=limit, newest_first=True)
    range_check(start=start, end=end)
    last = end if after is None else min(end, after.occurred_at + HOUR)
    # Each of these hours has at least one match, but all matches of the newest hour may be after the cursor or the end.
    counted = list(_counts(station, start, last, kind, port, tag).order_by("-hour")[: limit + 2])
    hours, matches = list[datetime](), 0
    for hour, count in counted:
        hours.append(hour)
        matches += count if hour + HOUR <= min(last, after.occurred_at if after else last) else 0
        if matches >= limit:
            break

    def found(among: list[datetime]) -> list[Detection]:
        return detections_in(
            station=station,
            spans=_within(among, start, end),
            kind=Detection.Kind.TAG.value if tag else kind,
            port=port,
            tag=tag,
            after=after,
            limit=limit,
            newest_first=True,
        )

    if not hours:
        return []
    rows = found(hours)
    if len(rows) < limit and len(hours) < len(counted):
        # A detection that arrived again while its hour was cold counts twice until cold storage settles it.
        rows = found([hour for hour, _count in counted])
    return rows


def _counts(
    station: Station, start: datetime, end: datetime, kind: int | None, port: int | None, tag: str
) -> QuerySet[TagHour, tuple[datetime, int]] | QuerySet[DetectionCount, tuple[datetime, int]]:
    within = {"station": station, "hour__gte": hour_of(start), "hour__lt": end}
    if port is not None:
        within["port"] = port
    if tag:
        tags = TagHour.objects.filter(**within, tag__iexact=tag)
        tags = tags if kind in (None, Detection.Kind.TAG) else tags.none()
        return tags.values("hour").annotate(found=Sum("count")).values_list("hour", "found")
    counts = (
        DetectionCount.objects.filter(**within) if kind is None else DetectionCount.objects.filter(**within, kind=kind)
    )
    return counts.values("hour").annotate(found=Sum("count")).values_list("hour", "found")


def _within(hours: Iterable[datetime], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The spans of these hours between two moments; consecutive ones are one span."""
    ranges: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if ranges and ranges[-1][1] == hour:
            ranges[-1] = (ranges[-1][0], hour + HOUR)
        else:
            ranges.append((hour, hour + HOUR))
    return [(max(begin, start), min(stop, end)) for begin, stop in ranges]
