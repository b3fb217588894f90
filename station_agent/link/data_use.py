"""Data use of the agent's own connections, counted across restarts.

If the agent is killed, the count since the last report is lost, never counted twice.
"""

import secrets

import msgspec

from message_queue.contracts.health import DataUse
from station_agent.outbox import Outbox
from station_agent.station import Vitals

_KEY = "data_use"


def data_use_store(outbox: Outbox, vitals: Vitals) -> DataUse:
    """Add the links' count since the last call, store the sum on disk and return it."""
    kept = outbox.state_get(_KEY)
    before = (
        msgspec.json.decode(kept, type=DataUse) if kept else DataUse(sent=0, received=0, counter=secrets.token_hex(8))
    )
    links = (vitals.publishing, vitals.commands, vitals.uploads)
    sent, received = sum(link.link_sent for link in links), sum(link.link_received for link in links)
    fresh_sent, fresh_received = sent - vitals.link_stored[0], received - vitals.link_stored[1]
    now = DataUse(sent=before.sent + fresh_sent, received=before.received + fresh_received, counter=before.counter)
    if now != before or not kept:
        outbox.state_set(_KEY, msgspec.json.encode(now).decode())
    vitals.link_stored = (sent, received)
    return now
