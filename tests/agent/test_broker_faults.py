"""The broker dies while the outbox empties: every message arrives, and none under two numbers."""

import threading
import time

import pytest
from agent.broker_station import BrokerStation
from waiting import until

from message_queue import topology
from message_queue.contracts.readings import SenmlRecord
from station_agent.config import LinkSettings
from station_agent.daemon import station_open
from station_agent.link.network import Network
from station_agent.link.publish import PublishLink
from station_agent.outbox import READING
from station_agent.station import LinkState

MESSAGES = 4_000


@pytest.mark.faults
def test_the_broker_is_killed_twice_while_the_outbox_empties(private_stack, make_config):
    stack = private_stack()
    stack.broker.definitions_load(topology.definitions(stack.broker.users))
    place = BrokerStation(stack.broker, "fleet")
    place.provision()
    # RabbitMQ 3.10.8 saves the name of a new quorum queue half a second late: if killed before, the queue never has a
    # leader again.
    time.sleep(2.0)
    config = make_config(place.amqp)
    station, _ = station_open(config)
    outbox, view = station.outbox, LinkState()
    link = PublishLink(
        place.amqp, LinkSettings(retry_first=0.2, retry_most=1.0), outbox, view, heartbeat=30, name="test"
    )
    outbox.on_put(link.wake)
    network = Network(link.run)
    network.start()

    def fill():
        for number in range(MESSAGES):
            outbox.put("readings", [SenmlRecord(n="number", v=float(number), t=1_700_000_000.0)], READING)

    filling = threading.Thread(target=fill)
    filling.start()
    try:
        for _ in range(2):
            until(lambda: view.connected_since is not None and view.last_confirm_at is not None)
            # Somewhere in the middle of the outbox.
            time.sleep(0.4)
            stack.rabbitmq.kill()
            until(lambda: view.connected_since is None)
            assert view.reason
            stack.rabbitmq.start()
        filling.join()
        until(lambda: outbox.backlog().messages == 0)
    finally:
        filling.join()
        network.stop(5.0)
        outbox.database.close()
    seen = place.see()
    numbers = {s.key: s.decoded.body[0].v for s in seen}
    assert sorted(numbers.values()) == [float(n) for n in range(MESSAGES)]
    assert sorted(seq for _, seq in numbers) == list(range(1, MESSAGES + 1))
    # Only messages that were on the wire are repeated, always under their first number.
    assert len(seen) - len(numbers) <= 2 * LinkSettings().window
