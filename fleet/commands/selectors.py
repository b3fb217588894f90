"""Queries for commands."""

from uuid import UUID

from django.db.models import Prefetch, QuerySet

from fleet.commands.models import Command, CommandStep
from fleet.core.errors import NotFound
from fleet.stations.models import Station


def command_list(*, station: Station) -> QuerySet[Command]:
    """A station's commands with their steps, newest first, in two queries."""
    steps = Prefetch("steps", queryset=CommandStep.objects.order_by("id"))
    return Command.objects.filter(station=station).order_by("-issued_at", "-id").prefetch_related(steps)


def command_get(*, station: Station, command_id: UUID) -> Command:
    """One command of one station. Raises `NotFound`."""
    command = Command.objects.filter(station=station, id=command_id).first()
    if command is None:
        raise NotFound(f"Station {station.serial} has no command {command_id}.")
    return command
