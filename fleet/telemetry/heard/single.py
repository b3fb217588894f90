"""Single detections that match a filter.

The hourly counts say where to look: a tag is rare among 10⁸ pulses.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet, Sum

from fleet.stations.models import Station
from fleet.telemetry.heard.question import HOUR, hour_of
from fleet.telemetry.models import Detection, DetectionCount, TagHour
from fleet.telemetry.selectors import DetectionCursor, detection_list, range_check


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
    hours, found = [], 0
    # Each of these hours has at least one match, but all matches of the newest hour may be after the cursor or the end.
    for hour, count in _counts(station, start, last, kind, port, tag).order_by("-hour")[: limit + 2]:
        hours.append(hour)
        found += count if hour + HOUR <= min(last, after.occurred_at if after else last) else 0
        if found >= limit:
            break
    if not hours:
        return []
    rows = Detection.objects.filter(_within(hours), station=station, occurred_at__gte=start, occurred_at__lt=end)
    wanted = Detection.Kind.TAG.value if tag else kind
    rows = rows if wanted is None else rows.filter(kind=wanted)
    rows = rows if port is None else rows.filter(port=port)
    rows = rows.filter(tag__iexact=tag) if tag else rows
    if after is not None:
        rows = rows.filter(pk__lt=(station.pk, after.occurred_at, after.port, after.kind, after.line))
    return list(rows.order_by("-occurred_at", "-port", "-kind", "-line")[:limit])


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


def _within(hours: Iterable[datetime]) -> Q:
    """A condition for moments in these hours; consecutive ones are one range."""
    ranges: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if ranges and ranges[-1][1] == hour:
            ranges[-1] = (ranges[-1][0], hour + HOUR)
        else:
            ranges.append((hour, hour + HOUR))
    condition = Q()
    for begin, stop in ranges:
        condition |= Q(occurred_at__gte=begin, occurred_at__lt=stop)
    return condition
