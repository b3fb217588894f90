"""Reading commands."""

from uuid import UUID

from django.db.models import Prefetch, QuerySet

from fleet.commands.models import Command, CommandStep
from fleet.core.errors import NotFound
from fleet.stations.models import Station


def command_list(*, station: Station, limit: int = 50) -> QuerySet[Command]:
    """A station's newest commands with their steps; two queries however many."""
    steps = Prefetch("steps", queryset=CommandStep.objects.order_by("id"))
    return Command.objects.filter(station=station).order_by("-issued_at").prefetch_related(steps)[:limit]


def command_get(*, station: Station, command_id: UUID) -> Command:
    """One command of one station, or `NotFound`."""
    command = Command.objects.filter(station=station, id=command_id).first()
    if command is None:
        raise NotFound(f"Station {station.serial} has no command {command_id}.")
    return command
