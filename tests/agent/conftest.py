"""Station configurations, and logins on the broker, for the tests of the agent."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from agent.broker_station import BrokerStation

from station_agent.config import AmqpSettings, CommandSettings, Config, LinkSettings
from station_agent.daemon import station_open
from station_agent.sources import sources_make

#: Real files from a bench station; not every machine has them.
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
    """Open the outbox of a configuration; close all that were opened."""
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
    """Set up stations on the shared broker, in the vhost of this test process."""
    made = []

    def make(*, tls: bool = False) -> BrokerStation:
        station = BrokerStation(stack.rabbitmq, os.environ["ROOST_FLEET_VHOST"], tls=stack.paths.tls if tls else None)
        station.provision()
        made.append(station)
        return station

    yield make
    for station in made:
        station.remove()


@pytest.fixture
def day(tmp_path):
    folder = tmp_path / "SGdata" / "2021-12-16"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def follow(make_station):
    """Create the source and poll it until it has nothing left to do."""
    settings = {}

    def configure(**fields):
        settings.update(fields)

    def make(**fields):
        directory = fields.pop("directory")
        station = make_station(sources={"sensorgnome": {"directory": str(directory), **settings}}, **fields)
        source = sources_make(station)["sensorgnome"]
        source._settings = msgspec.structs.replace(source._settings, batch_age=0.0)
        station.source = source
        station.poll = lambda: poll_all(source)
        return station

    make.configure = configure
    return make


def poll_all(source):
    for _ in range(1000):
        if source.poll() > 0:
            return
    raise AssertionError("the source never runs out of work")
