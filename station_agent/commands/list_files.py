"""`list_files`: look at the data folders now, and report all files in them again."""

from message_queue.contracts.commands.base import NoParameters
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.station import Station


def _run(station: Station, _parameters: NoParameters) -> CommandOutcome:
    if "files" not in station.vitals.sources:
        return CommandOutcome("failed", "The source of the files is switched off in the station's configuration.")
    station.manifest_wanted.set()
    station.attention.set()
    return CommandOutcome("succeeded", "The station is looking at its files, and reports them once they are hashed.")


HANDLER = Handler(name="list_files", run=_run)
