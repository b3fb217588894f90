"""Handler of manifests: stations' reports about the files that they hold, in order of arrival."""

from fleet.ingest.batch import Batch, ToldManifest
from fleet.ingest.delivery import Arrival

KIND = "manifest"


def handle(arrival: Arrival, batch: Batch) -> None:
    """Keep the message until the batch is written."""
    envelope = arrival.message.envelope
    told = ToldManifest(arrival.station.id, arrival.message.body, envelope.stream or "", envelope.seq or 0)
    batch.manifests.append(told)
