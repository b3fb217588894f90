"""A real agent is claimed, or waits in the queue, and then sends: site, broker and agent as users run them."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pika
import pytest
from django.test import Client
from people import serial_new
from waiting import PATIENCE_S

from fleet.ingest.delivery import Delivery
from fleet.ingest.pipeline import Pipeline
from fleet.stations.joining.registration_queue import arrival_accept, arrival_list, registration_turn_on
from fleet.stations.models import HardwarePair, Newcomer, Station, StationContact
from message_queue.topology import INBOUND_QUEUES
from station_agent.config import config_load, config_read, config_write

REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]


class Agent:
    """An agent's command in a process, with its output so far."""

    def __init__(self, folder, *words) -> None:
        self.config = folder / "config.toml"
        if not self.config.exists():
            sources = {"sensorgnome": {"directory": str(folder / "SGdata")}}
            config_write(self.config, {"state_dir": str(folder / "state"), "profile": "generous", "sources": sources})
        self.output = folder / f"{words[0]}.txt"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STATION_AGENT_")}
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "station_agent", *words, "--config", str(self.config)],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                env=environment | {"PYTHONIOENCODING": "utf-8"},
            )

    @property
    def said(self):
        return self.output.read_text("utf-8")

    def says(self, pattern, seconds=PATIENCE_S):
        ends = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said)):
            assert time.monotonic() < ends, self.said
            assert self.process.poll() is None or re.search(pattern, self.said), self.said
            time.sleep(0.2)
        return found

    def ends(self, seconds=PATIENCE_S):
        return self.process.wait(seconds)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)


@pytest.fixture
def agent(tmp_path):
    made = []

    def start(*words):
        made.append(Agent(tmp_path, *words))
        return made[-1]

    yield start
    for one in made:
        one.end()


def hello_of(settings, seconds=PATIENCE_S):
    """Wait for the first hello in the inbound queue; return it as ingest reads it."""
    ends = time.monotonic() + seconds
    with pika.BlockingConnection(pika.URLParameters(settings.ROOST_FLEET_BROKER_URL)) as reader:
        channel = reader.channel()
        while time.monotonic() < ends:
            method, properties, body = channel.basic_get(INBOUND_QUEUES[0], auto_ack=True)
            if method is not None and properties.type == "hello":
                told = {
                    "type": properties.type,
                    "content_type": properties.content_type,
                    "content_encoding": properties.content_encoding,
                    "message_id": properties.message_id,
                    "user_id": properties.user_id,
                    "application_headers": properties.headers,
                }
                return Delivery(method.exchange, method.routing_key, told, body)
            time.sleep(0.2)
    pytest.fail("No hello arrived.")


def test_an_agent_shows_its_code_is_claimed_on_the_page_and_sends(
    live_server, agent, operator, institute, settings, inbound_empty
):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    serial = serial_new()
    showing = agent("claim", "--server", live_server.url, "--serial", serial)
    code = showing.says(r"[A-Z2-9]{4}-[A-Z2-9]{4}")[0]
    showing.says("Waiting until somebody claims it")
    assert f"/stations/claim/?code={code}" in showing.said
    assert "▄" in showing.said
    client = Client()
    client.force_login(operator.user)
    assert serial in client.get("/stations/claim/", {"code": code}).content.decode()
    client.post("/stations/claim/", {"code": code, "organization": institute.id, "name": "Kent"})
    assert (showing.ends(), "is enrolled" in showing.said, "works (encrypted" in showing.said) == (0, True, True)
    config = config_load(showing.config, {})
    assert (config.serial, config.amqp.username, config.profile) == (serial, f"st.{serial}.1", "generous")
    assert showing.config.stat().st_mode & 0o077 == 0
    agent("run")
    Pipeline().take([hello_of(settings)])
    station = Station.objects.get(serial=serial)
    assert StationContact.objects.get(station=station).hello["card_key"]
    pair = HardwarePair.objects.get(station=station)
    assert (pair.card_key, pair.state) == (StationContact.objects.get(station=station).hello["card_key"], "known")


def test_an_agent_waits_in_the_queue_over_a_restart_and_is_accepted(live_server, agent, owner, operator, institute):
    code, serial = registration_turn_on(organization=institute, actor=owner), serial_new()
    words = ("register", "--server", live_server.url, "--code", code, "--serial", serial)
    first = agent(*words, "--give-up", "0")
    assert first.ends() == 1
    assert "Nobody has accepted" in first.said
    assert [one.serial for one in arrival_list(viewer=operator)] == [serial]
    arrival_accept(arrival=arrival_list(viewer=operator)[0], actor=operator, name="Kent")
    second = agent(*words)
    assert (second.ends(), "is enrolled" in second.said) == (0, True)
    assert Newcomer.objects.count() == 1
    assert config_read(second.config)["amqp"]["username"] == f"st.{serial}.1"
    assert not list((second.config.parent / "state").glob("waiting.json"))


def test_a_refused_agent_says_so_and_starts_again(live_server, agent, owner, institute):
    code, serial = registration_turn_on(organization=institute, actor=owner), serial_new()
    words = ("register", "--server", live_server.url, "--code", code, "--serial", serial, "--give-up", "0")
    first = agent(*words)
    assert first.ends() == 1
    kept = json.loads((first.config.parent / "state" / "waiting.json").read_text())
    assert kept["secret"] not in str(list(Newcomer.objects.values()))
    Newcomer.objects.update(state="refused")
    refused = agent(*words)
    assert (refused.ends(), "does not accept this station" in refused.said) == (1, True)
    wrong = agent("register", "--server", live_server.url, "--code", "wrong", "--serial", serial)
    assert (wrong.ends(), "ask the person who gave it to you" in wrong.said) == (1, True)
