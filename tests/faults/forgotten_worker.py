"""The ingest worker, forgotten by its broker: after a few batches no acknowledgement arrives, until it reconnects.

To the worker this looks like a quorum queue that has lost its reader: messages wait, none arrives, no connection
breaks.
"""

from workers.celery_app import app  # isort: skip - it sets Django up
from workers.consumers import inbound, lanes

__all__ = ["app"]

#: Acknowledgements that get through on the first connection.
ARRIVE = 3

lanes.LOOK_EVERY_S = 2.0
_connect, _acknowledge = inbound.InboundConsumer._connect, inbound.LaneReader.acknowledge
_connections, _acknowledged = [0], [0]


def _connect_counted(self):
    _connections[0] += 1
    return _connect(self)


def _acknowledge_or_not(self, tags):
    _acknowledged[0] += 1
    if _connections[0] > 1 or _acknowledged[0] <= ARRIVE:
        _acknowledge(self, tags)


inbound.InboundConsumer._connect = _connect_counted
inbound.LaneReader.acknowledge = _acknowledge_or_not
