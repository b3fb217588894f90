"""Handler of reports about commands: passed to `fleet.commands.reports` when the batch is written."""

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival

KIND = "command_status"


def handle(arrival: Arrival, batch: Batch) -> None:
    """Collect the report, in order of arrival."""
    batch.command_statuses.append(arrival)
