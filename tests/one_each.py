"""Single calls for tests, where the domain takes several incidents or reports at once."""

from datetime import datetime

from fleet.alerts.models import Incident
from fleet.alerts.services import Opening, incidents_open
from fleet.commands.reports import Report, commands_report
from fleet.stations.models import Station
from message_queue.contracts.command_status import CommandStatus


def incident_open(
    *, station: Station, rule: str, sentence: str, moment: datetime, began_at: datetime | None = None
) -> Incident | None:
    """Open one incident; None if the station has an open one of this rule."""
    opened = incidents_open(openings=[Opening(station, began_at or moment, sentence)], rule=rule, moment=moment)
    return opened[0] if opened else None


def command_report(*, station_id: int, status: CommandStatus, moment: datetime) -> bool:
    """Apply one report; False if the command is not this station's."""
    return not commands_report([Report(station_id, status)], moment)
