"""Stations' configurations and places on the broker for the tests of the agent."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from agent.broker_station import BrokerStation

from station_agent.config import AmqpSettings, CommandSettings, Config, LinkSettings
from station_agent.daemon import station_open

#: Real files of a bench station, on machines that have them.
REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sg-v2-rpi4-2021"


@pytest.fixture
def make_config(tmp_path) -> Callable[..., Config]:
    def make(amqp: AmqpSettings | None = None, **fields) -> Config:
        nowhere = AmqpSettings(
            host="127.0.0.1",
            port=1,
            username="st.SG-TEST.1",
            password="none",
            exchange="in.SG-TEST",
            command_queue="cmd.SG-TEST",
            tls=False,
        )
        settings = {
            "serial": amqp.exchange.removeprefix("in.") if amqp else "SG-TEST",
            "amqp": amqp or nowhere,
            "state_dir": str(tmp_path / "state"),
            "profile": "generous",
            "commands": CommandSettings(consent_file=str(tmp_path / "consent.json"), reboot=["true"]),
            "link": LinkSettings(retry_first=0.2, retry_most=1.0, confirm_deadline=5.0),
            "sources": {"sensorgnome": {"directory": str(tmp_path / "SGdata")}},
        } | fields
        return Config(**settings)

    return make


@pytest.fixture
def make_station(make_config):
    """Opens the outbox of a configuration; closes what was opened."""
    opened = []

    def make(**fields):
        station, journal = station_open(make_config(**fields))
        opened.append(station)
        station.journal = journal
        return station

    yield make
    for station in opened:
        station.outbox.database.close()


@pytest.fixture
def make_broker_station(stack):
    """Makes stations on the shared broker, in the vhost of this test process."""
    made = []

    def make(*, tls: bool = False) -> BrokerStation:
        station = BrokerStation(stack.rabbitmq, os.environ["ROOST_FLEET_VHOST"], tls=stack.paths.tls if tls else None)
        station.provision()
        made.append(station)
        return station

    yield make
    for station in made:
        station.remove()
