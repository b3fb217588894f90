"""`pace`: the station slows down, pauses sending, or spreads its connections for a while."""

from message_queue.contracts.commands.pace import Pace
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.station import Station


def _run(station: Station, parameters: Pace) -> CommandOutcome:
    station.pacer.obey(parameters)
    station.attention.set()
    return CommandOutcome("succeeded", station.pacer.say() or "The station keeps its own pace.")


HANDLER = Handler(name="pace", run=_run)
