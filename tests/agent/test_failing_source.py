"""A failing source is reported at once where people look, polled again, and does not affect the other sources."""

import pytest

from station_agent.daemon import FAILED_SOURCE_WAIT, Daemon


class Sensor:
    """A source that fails while `trouble` is set."""

    def __init__(self) -> None:
        self.trouble = "no such device"

    def poll(self):
        if self.trouble:
            raise OSError(self.trouble)
        return 1.0


@pytest.fixture
def daemon(make_config):
    made = Daemon(make_config())
    yield made
    made.station.outbox.database.close()
    made._lock.close()


def test_a_source_that_fails_is_said_in_health_and_costs_the_others_nothing(daemon):
    sensor, warnings = Sensor(), daemon.station.vitals.warnings
    assert daemon._poll("sensor", sensor) == FAILED_SOURCE_WAIT
    assert warnings["sensor"] == "The source sensor failed: no such device."
    sensor.trouble = ""
    assert daemon._poll("sensor", sensor) == 1.0
    assert "sensor" not in warnings
