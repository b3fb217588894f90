"""A package in parts: each is one station, about a month at most, and the deployment of that time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fleet.deployments.models import Deployment
from fleet.exports.question import PackageQuestion
from fleet.stations.models import Station
from fleet.telemetry.models import Series

#: The longest part. One statement reads a part, and a longer statement would hold up the database's vacuum.
LONGEST: Final = timedelta(days=31)
#: If there were more parts than this, parts become longer instead.
_PARTS_ABOUT: Final = 5_000


@dataclass(frozen=True, slots=True)
class PartStation:
    """A station of a package with its series and its deployments; both are read only once."""

    pk: int
    serial: str
    #: Id, name and unit of the series asked for.
    series: tuple[tuple[int, str, str], ...]
    placed: tuple[Deployment, ...]


@dataclass(frozen=True, slots=True)
class PackagePart:
    """Rows of one station from `start` up to `end`, during which it had one deployment or none."""

    station: PartStation
    deployment_id: int | None
    zone: str
    start: datetime
    end: datetime


def part_stations(question: PackageQuestion) -> list[PartStation]:
    """The stations of a package that its organization still has, by serial; three queries in total."""
    stations = Station.objects.filter(
        pk__in=question.station_ids, organization=question.organization, deleted_at=None
    ).order_by("serial")
    series = Series.objects.filter(station__in=question.station_ids).order_by("name", "id")
    if question.series:
        series = series.filter(name__in=question.series)
    series_of: dict[int, list[tuple[int, str, str]]] = {}
    for station_id, number, name, unit in series.values_list("station_id", "id", "name", "unit"):
        series_of.setdefault(station_id, []).append((number, name, unit))
    placed_of: dict[int, list[Deployment]] = {}
    for deployment in deployments_of(question):
        placed_of.setdefault(deployment.station_id, []).append(deployment)
    return [
        PartStation(pk, serial, tuple(series_of.get(pk, ())), tuple(placed_of.get(pk, ())))
        for pk, serial in stations.values_list("pk", "serial")
    ]


def deployments_of(question: PackageQuestion) -> list[Deployment]:
    """The deployments during the time of a package, with sites, by station and time."""
    found = Deployment.objects.filter(
        station__in=question.station_ids,
        station__organization=question.organization,
        station__deleted_at=None,
        site__organization=question.organization,
        period__overlap=(question.start, question.end),
    )
    if question.deployment_ids:
        found = found.filter(pk__in=question.deployment_ids)
    return list(found.select_related("site", "station").order_by("station__serial", "period"))


def parts_of(
    question: PackageQuestion, stations: Sequence[PartStation], *, longest: timedelta = LONGEST
) -> list[PackagePart]:
    """The parts of a package, by station and time. They do not overlap, and together cover what was asked for."""
    parts = [part for station in stations for part in _parts_of_station(question, station)]
    whole = sum(((part.end - part.start) for part in parts), timedelta())
    longest = max(min(longest, LONGEST), whole / _PARTS_ABOUT)
    return [short for part in parts for short in _shortened(part, longest)]


def _parts_of_station(question: PackageQuestion, station: PartStation) -> Iterator[PackagePart]:
    """One part for each deployment, and, unless deployments were chosen, for each time between them."""
    reached, elsewhere = question.start, question.organization.timezone
    for deployment in station.placed:
        start = max(deployment.period.lower or question.start, question.start)
        end = min(deployment.period.upper or question.end, question.end)
        if start > reached and not question.deployment_ids:
            yield PackagePart(station, None, elsewhere, reached, start)
        if end > start:
            yield PackagePart(station, deployment.pk, deployment.site.timezone, start, end)
        reached = max(reached, end)
    if reached < question.end and not question.deployment_ids:
        yield PackagePart(station, None, elsewhere, reached, question.end)


def _shortened(part: PackagePart, longest: timedelta) -> Iterator[PackagePart]:
    start = part.start
    while start < part.end:
        end = min(start + longest, part.end)
        yield PackagePart(part.station, part.deployment_id, part.zone, start, end)
        start = end
