"""Queries for commands."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from fleet.commands.models import Command, CommandStep
from fleet.core.errors import NotFound
from fleet.stations.models import Station


def command_list(
    *,
    station: Station,
    state: str = "",
    name: str = "",
    is_open: bool | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> QuerySet[Command]:
    """A station's commands with their steps, newest first, in two queries.

    `start` (inclusive) and `end` (exclusive) limit when they were issued. Empty criteria do not limit the list.
    """
    steps = Prefetch("steps", queryset=CommandStep.objects.order_by("id"))
    found = Command.objects.filter(station=station).order_by("-issued_at", "-id").prefetch_related(steps)
    if state:
        found = found.filter(state=state)
    if name:
        found = found.filter(name=name)
    if is_open is not None:
        found = found.filter(Q(state__in=Command.OPEN) if is_open else ~Q(state__in=Command.OPEN))
    if start is not None:
        found = found.filter(issued_at__gte=start)
    return found if end is None else found.filter(issued_at__lt=end)


def stations_commanded(*, stations: Collection[Station]) -> set[int]:
    """The ids of the stations that have an open command."""
    found = Command.objects.filter(station__in=[station.pk for station in stations], state__in=Command.OPEN)
    return set(found.values_list("station_id", flat=True))


def command_get(*, station: Station, command_id: UUID) -> Command:
    """One command of one station. Raises `NotFound`."""
    command = Command.objects.filter(station=station, id=command_id).first()
    if command is None:
        raise NotFound(f"Station {station.serial} has no command {command_id}.")
    return command
