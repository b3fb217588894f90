"""Accounts of a station's own files: taken and noted in the ledger; nothing is kept of them yet."""

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.series import SeriesBook

KIND = "file"


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """Add nothing."""
