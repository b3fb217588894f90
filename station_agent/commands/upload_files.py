"""`upload_files`: queue the requested files. They are uploaded one by one, and the end of each is reported."""

from message_queue.contracts.commands.upload_files import UploadFiles
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.manifest.orders import UploadOrders
from station_agent.station import Station


def _run(station: Station, parameters: UploadFiles) -> CommandOutcome:
    if "files" not in station.vitals.sources:
        return CommandOutcome("failed", "The source of the files is switched off in the station's configuration.")
    UploadOrders(station.outbox.database).add(parameters)
    station.attention.set()
    count = len(parameters.files)
    return CommandOutcome("succeeded", f"{count} files are in the queue of uploads.", {"files": count})


HANDLER = Handler(name="upload_files", run=_run)
