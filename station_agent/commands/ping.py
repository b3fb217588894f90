"""`ping`: the station answers; nothing else happens."""

from message_queue.contracts.commands.base import NoParameters
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.station import Station


def _run(_station: Station, _parameters: NoParameters) -> CommandOutcome:
    return CommandOutcome("succeeded", "The station answers.")


HANDLER = Handler(name="ping", run=_run)
