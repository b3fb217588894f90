"""The agent running against a real broker: data, commands, power cuts, revocation, and messages to people."""

import json
import random
import time
from collections import Counter

import msgspec
import pytest
from agent.agent_process import AgentProcess
from agent.messages_of import line_numbers, rows_counted
from agent.test_sensorgnome_source import NAME, own_files, pulse


@pytest.fixture
def make_agent(tmp_path):
    made = []

    def make(amqp, **fields):
        agent = AgentProcess(tmp_path, amqp, **fields)
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.kill()


def kinds(found):
    return Counter(seen.decoded.envelope.kind for seen in found)


def bodies(found):
    return [(seen.decoded.envelope.kind, seen.decoded.body) for seen in found]


def test_data_and_commands_over_tls(make_broker_station, make_agent):
    station = make_broker_station(tls=True)
    agent = make_agent(station.amqp)
    own_files(agent.data)
    agent.start()
    found = station.see_until(lambda s: rows_counted(bodies(s))["T"] >= 100 and rows_counted(bodies(s))["p"] >= 200)
    assert kinds(found)["hello"] == kinds(found)["health"] == 1
    assert rows_counted(bodies(found)) == {"p": 200, "T": 100, "clock": 2, "setting": 1, "G": 1}
    for seen in found:
        assert seen.properties.user_id == station.user
        assert seen.properties.delivery_mode == 2
        assert seen.properties.message_id == f"{seen.key[0]}/{seen.key[1]}"
        assert seen.properties.app_id.startswith("station-agent ")
    hello = next(body for kind, body in bodies(found) if kind == "hello")
    assert hello.sources == ["files", "host_health", "sensorgnome"]
    assert {"ping", "reboot"} <= set(hello.commands)
    for name, parameters in (("ping", {}), ("run_diagnostics", {}), ("reboot", {})):
        steps = station.statuses(station.command(name, parameters), last="succeeded")
        assert [step.state for step in steps] == ["received", "running", "succeeded"]
    station.command("set_reporting_interval", {"seconds": 4_000})
    health = station.see_until(lambda s: kinds(s)["health"] >= 1)
    announced = next(body.next_in for kind, body in bodies(health) if kind == "health")
    assert 4_000 <= announced <= 4_200, (
        "an interval, plus up to a twentieth because each station reports at its own moment"
    )
    agent.status_until(
        lambda s: s["connected"] and s["backlog"]["messages"] == 0 and s["agent"]["reporting_interval"] == 4_000
    )
    assert json.loads(agent.command("status", "--json").stdout)["connected"]
    words = agent.command("status").stdout
    assert f"Connected to 127.0.0.1:{station.amqp.port}" in words
    assert "Nothing: everything has been sent." in words
    code, seconds = agent.stop()
    # Far below the 90 s after which systemd kills it.
    assert (code, seconds < 60.0) == (0, True)
    assert "It is not running" in agent.command("status").stdout


def test_a_stopped_agent_runs_a_waiting_command_once_and_an_expired_one_never(make_broker_station, make_agent):
    station = make_broker_station()
    waiting, expired = station.command("ping"), station.command("ping", expires_in=-1.0)
    agent = make_agent(station.amqp)
    agent.start()

    def answered(found):
        return {body.command for kind, body in bodies(found) if kind == "command_status"} >= {waiting, expired}

    found = station.see_until(
        lambda s: answered(s) and any(b.state == "expired" for k, b in bodies(s) if k == "command_status")
    )
    states = [(body.command, body.state) for kind, body in bodies(found) if kind == "command_status"]
    assert Counter(states) == {
        (waiting, "received"): 1,
        (waiting, "running"): 1,
        (waiting, "succeeded"): 1,
        (expired, "expired"): 1,
    }


@pytest.mark.faults
def test_kill_at_random_moments_loses_and_doubles_nothing(make_broker_station, make_agent):
    station = make_broker_station()
    agent = make_agent(station.amqp)
    rng = random.Random(7)
    expected = Counter()
    found = []
    for hour in range(8):
        folder = agent.data / "2021-12-16"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [pulse(1639614325 + hour * 3600 + n, freq=rng.gauss(0, 3)) for n in range(6_000)]
        (folder / NAME.format(hour=hour, source="all")).write_text("".join(lines))
        expected.update((NAME.format(hour=hour, source="all"), number) for number in range(1, 6_001))
        agent.start()
        time.sleep(rng.uniform(0.35, 1.1))
        agent.kill()
        found += station.see()
    agent.start()
    found += station.see_until(lambda _: agent.status()["backlog"]["messages"] == 0 and not unread(agent))
    agent.stop()
    found += station.see()
    # A message that was confirmed as the agent died may arrive twice, but always with the same content.
    unique = {}
    for seen in found:
        assert unique.setdefault(seen.key, seen).raw == seen.raw
    rows = Counter(
        (body.file, number)
        for kind, body in bodies(unique.values())
        if kind == "detections"
        for number in line_numbers(body)
    )
    assert rows == expected
    assert len({stream for stream, _ in unique}) == 1
    assert sorted(seq for _, seq in unique) == list(range(1, len(unique) + 1))


def unread(agent):
    status = agent.status()
    return status["agent"] is None or status["agent"]["unread_bytes"] > 0 or not status["connected"]


def test_a_revoked_station_is_told_and_keeps_its_data(make_broker_station, make_agent):
    station = make_broker_station()
    agent = make_agent(station.amqp)
    agent.start()
    station.see_until(lambda s: kinds(s)["health"] == 1)
    station.user_delete()
    status = agent.status_until(lambda s: "login" in (s["agent"] or {}).get("publishing", {}).get("reason", ""))
    assert not status["connected"]
    assert "revoked or replaced" in agent.command("status").stdout
    own_files(agent.data)
    agent.status_until(lambda s: s["backlog"]["messages"] >= 4)
    station.user_create()
    found = station.see_until(lambda s: rows_counted(bodies(s))["p"] == 200)
    assert rows_counted(bodies(found))["T"] == 100


def test_without_a_queue_nothing_is_lost_and_the_person_is_told(make_broker_station, make_agent):
    station = make_broker_station()
    with station.channel() as channel:
        channel.queue_unbind(station.seen_queue, station.amqp.exchange)
    agent = make_agent(station.amqp)
    agent.start()
    status = agent.status_until(lambda s: "No queue" in (s["agent"] or {}).get("publishing", {}).get("trouble", ""))
    assert status["backlog"]["messages"] == 2
    assert "No queue on the server accepts" in agent.command("status").stdout


def test_a_full_queue_keeps_the_messages_here(make_broker_station, make_agent):
    station = make_broker_station()
    with station.channel() as channel:
        channel.queue_delete(station.seen_queue)
        arguments = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare(station.seen_queue, durable=True, arguments=arguments)
        channel.queue_bind(station.seen_queue, station.amqp.exchange)
    agent = make_agent(station.amqp)
    own_files(agent.data)
    agent.start()
    agent.status_until(lambda s: "full" in (s["agent"] or {}).get("publishing", {}).get("trouble", ""))
    found = station.see_until(lambda s: rows_counted(bodies(s))["p"] == 200 and rows_counted(bodies(s))["T"] == 100)
    assert len({seen.key for seen in found}) == len(found)
    agent.status_until(lambda s: s["backlog"]["messages"] == 0)


def test_a_wrong_sender_is_refused_by_the_broker_and_said(make_broker_station, make_agent):
    mine, other = make_broker_station(), make_broker_station()
    amqp = mine.amqp
    agent = make_agent(msgspec.structs.replace(amqp, exchange=other.amqp.exchange), serial=mine.serial)
    agent.start()
    status = agent.status_until(lambda s: "refuses" in (s["agent"] or {}).get("publishing", {}).get("reason", ""))
    assert status["backlog"]["messages"] >= 2
    assert other.see() == []


def test_two_agents_do_not_share_a_folder(make_agent, make_broker_station):
    agent = make_agent(make_broker_station().amqp)
    agent.start()
    agent.status_until(lambda s: s["running"])
    done = agent.command("run")
    assert done.returncode == 1
    assert "Another station agent already runs" in done.stderr


def test_without_a_server_it_collects_and_ends_at_once(make_agent, make_config):
    agent = make_agent(make_config().amqp)
    own_files(agent.data)
    agent.start()
    agent.status_until(
        lambda s: (
            s["agent"] and s["backlog"]["messages"] >= 6 and "refuses connections" in s["agent"]["publishing"]["reason"]
        )
    )
    assert "Not connected. 127.0.0.1:1 refuses connections" in agent.command("status").stdout
    code, seconds = agent.stop()
    # Far below the 90 s after which systemd kills it.
    assert (code, seconds < 60.0) == (0, True)
    assert agent.status()["backlog"]["messages"] >= 6
