"""The station agent is killed while it reads and sends, the relay between publishing and marking."""

import json
import random
import subprocess
import sys
import time

import pytest
from faults.data_folder import DataFolder
from faults.oracle import Verdict
from faults.processes import Supervised
from faults.rig import HERE, REPOSITORY
from waiting import PATIENCE_S, until

pytestmark = pytest.mark.faults

DELIVERED = (
    "SELECT l.stream, l.received, l.messages, l.repeats FROM telemetry_streamledger l "
    "JOIN stations_station s ON s.id = l.station_id WHERE s.serial = %s"
)


def agent(rig, grant, folder, **fields):
    """A real agent under the rig's supervisor."""
    folder.mkdir(exist_ok=True)
    amqp = {name: value for name, value in grant.items() if name not in {"serial", "plain_port"}}
    table = {
        "serial": grant["serial"],
        "amqp": amqp,
        "state_dir": str(folder / "state"),
        "profile": "generous",
        "link": {"retry_first": 0.1, "retry_most": 1.0},
        "commands": {"consent_file": str(folder / "consent.json"), "reboot": ["true"]},
        "sources": {"sensorgnome": {"directory": str(folder / "SGdata"), "pulses": "all"}},
    }
    config = folder / "config.json"
    config.write_text(json.dumps(table | fields))
    config.chmod(0o600)
    command = [sys.executable, "-m", "station_agent", "run", "--config", str(config)]
    return Supervised("agent", command, rig.environment, folder).start()


def heard_in_database(rig, serial):
    """Every detection of a station, with duplicates."""
    return rig.query(
        "SELECT d.kind, d.port, d.line, round(extract(epoch FROM d.occurred_at) * 10000)::bigint "
        "FROM telemetry_detection d JOIN stations_station s ON s.id = d.station_id WHERE s.serial = %s",
        serial,
    )


def fixes_in_database(rig, serial):
    return rig.query(
        "SELECT p.line, extract(epoch FROM p.occurred_at)::bigint FROM telemetry_position p "
        "JOIN stations_station s ON s.id = p.station_id WHERE s.serial = %s",
        serial,
    )


@pytest.mark.parametrize("lines", [6_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_the_agent_is_killed_while_it_reads_and_sends(rig, tmp_path, verdicts, lines):
    rig.worker_ensure()
    kills = 4 if lines <= 6_000 else 25
    (grant,) = rig.stations(f"SG-A{lines // 1000:03d}RPI40001")
    verdict = Verdict(case="station agent killed", number="41", seed=rig.seed)
    chance = random.Random(f"{rig.seed}/agent")
    begun = time.monotonic()
    folder = DataFolder(tmp_path / "agent" / "SGdata", grant["serial"], lines, f"{rig.seed}", lines // (kills * 2))
    running = agent(rig, grant, tmp_path / "agent")
    try:
        folder.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.3, 2.6))
            running.kill()
        folder.join(PATIENCE_S)
        last_kill = time.monotonic()
        everything = len(folder.heard) + len(folder.fixes)
        until(
            lambda: (
                len(heard_in_database(rig, grant["serial"])) + len(fixes_in_database(rig, grant["serial"]))
                >= everything
            ),
            f"{everything} lines in the database; the agent says: {running.log.read_text()[-500:]}",
            every=0.5,
        )
        verdict.recovered_s = time.monotonic() - last_kill
        rig.quiesce()
    finally:
        running.stop()
    assert running.starts == kills + 1
    _judge(rig, grant["serial"], folder, verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"`kill -9` of the agent at {kills} random moments while a Sensorgnome writes {lines:,} lines; numbers are "
        "lines of its files, each looked for by line, port and time, and counted by file. Confirmed here means written."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()


def _judge(rig, serial, folder, verdict):
    heard, fixes = heard_in_database(rig, serial), fixes_in_database(rig, serial)
    verdict.sent = verdict.confirmed = len(folder.heard) + len(folder.fixes)
    verdict.lost = len(folder.heard - set(heard)) + len(folder.fixes - set(fixes))
    verdict.doubled = len(heard) - len(set(heard)) + len(fixes) - len(set(fixes))
    verdict.unexpected = len(set(heard) - folder.heard) + len(set(fixes) - folder.fixes)
    # Added figures would reveal a line that was sent under two numbers.
    lines = dict(
        rig.query(
            "SELECT f.base, f.rows FROM files_stationfile f JOIN stations_station s ON s.id = f.station_id "
            "WHERE s.serial = %s",
            serial,
        )
    )
    verdict.doubled += sum(max(lines.get(name, 0) - count, 0) for name, count in folder.files.items())
    verdict.unaccounted += sum(max(count - lines.get(name, 0), 0) for name, count in folder.files.items())
    for _stream, received, messages, repeats in rig.query(DELIVERED, serial):
        verdict.repeats += repeats
        verdict.doubled += messages - sum(part.upper - part.lower for part in received)


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.long)])
def test_the_relay_is_killed_between_publishing_and_marking(rig, tmp_path, verdicts, count):
    rig.worker_ensure()
    (grant,) = rig.stations(f"SG-4E{count:02d}RPI40001")
    serial, deaths, begun = grant["serial"], count, time.monotonic()
    left, runs = tmp_path / "left", tmp_path / "runs"
    left.write_text(str(deaths))
    runs.touch()
    commands = {"consent_file": str(tmp_path / "consent.json"), "reboot": ["sh", "-c", f"echo run >> {runs}"]}
    running = agent(rig, grant, tmp_path / "agent", commands=commands)
    environment = rig.environment | {"ROOST_FAILPOINT_LEFT": str(left)}
    relay = Supervised("relay", [sys.executable, "-m", "faults.failing_relay"], environment, tmp_path).start()
    try:
        issue = [sys.executable, str(HERE / "issue_commands.py"), serial, *["reboot"] * count]
        subprocess.run(issue, env=rig.environment, cwd=REPOSITORY, check=True)
        question = (
            "SELECT c.state, count(*) FROM commands_command c JOIN stations_station s ON s.id = c.station_id "
            "WHERE s.serial = %s GROUP BY 1"
        )
        until(lambda: rig.query(question, serial) == [("succeeded", count)], "an answer to each", every=0.3)
        until(lambda: left.read_text() == "0", "the deaths of the relay")
        waiting = "SELECT count(*) FROM core_outboxmessage WHERE target = 'command' AND published_at IS NULL"
        until(lambda: rig.query(waiting) == [(0,)], "an outbox with every command marked", every=0.3)
        time.sleep(1.0)
    finally:
        relay.stop()
        running.stop()
    ran = len(runs.read_text().splitlines())
    verdict = Verdict(case="relay killed", number="38", seed=rig.seed, sent=count, confirmed=count, repeats=deaths)
    verdict.lost, verdict.doubled = max(count - ran, 0), max(ran - count, 0)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"The relay kills itself {deaths} times after the broker's confirm and before the row is marked; numbers are "
        "commands and how often the station ran them. A repeat is a second copy in the station's queue."
    )
    verdicts.append(verdict)
    assert relay.starts == deaths + 1
    assert verdict.is_clean, verdict.row()
