"""A station's card that is full, or refuses all writes, and a week without a link: reported, and resumed afterwards."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from faults.data_folder import DataFolder
from faults.oracle import Verdict
from faults.rig import HERE, REPOSITORY
from faults.test_agent_and_relay_killed import agent, heard_in_database
from waiting import settled, until

pytestmark = pytest.mark.faults

WEEK_HOURS = 7 * 24
STREAMS = (
    "SELECT l.received, l.next_seq, l.messages, l.repeats FROM telemetry_streamledger l "
    "JOIN stations_station s ON s.id = l.station_id WHERE s.serial = %s AND l.stream = %s"
)


class Card:
    """The agent's state folder on a small disk, in a mount namespace of the agent's own."""

    def __init__(self, command, environment, folder, size) -> None:
        self.state = folder / "state"
        self.state.mkdir(parents=True)
        self._log = (folder / "card.log").open("ab")
        mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
        # Root needs no user namespace for this, and cannot create one in a chroot.
        apart = "-m" if os.geteuid() == 0 else "-Urm"
        self.process = subprocess.Popen(
            ["unshare", apart, "sh", "-c", mount, str(self.state), *command],
            env=environment,
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
        )
        # Another process writes the log, because the agent itself cannot write while writes are refused.
        self._listener = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=self._log)

    def refuse(self):
        """Let every write fail, as on a dead card: `EFBIG`, which SQLite takes for a bad disk."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def accept(self):
        """Let writes succeed again."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def fill(self):
        """Fill the remaining space."""
        path = Path(f"/proc/{self.process.pid}/root{self.state}/ballast")
        try:
            with path.open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(bytes(4_096))
        except OSError:
            return path

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._listener.wait(5)
        self._log.close()


def config_write(folder, grant, **fields):
    amqp = {name: value for name, value in grant.items() if name not in {"serial", "plain_port"}}
    config = folder / "config.json"
    table = {
        "serial": grant["serial"],
        "amqp": amqp,
        "state_dir": str(folder / "state"),
        "profile": "generous",
        "link": {"retry_first": 0.1, "retry_most": 1.0},
        "commands": {"consent_file": str(folder / "consent.json"), "reboot": ["true"]},
        "sources": {"sensorgnome": {"directory": str(folder / "SGdata"), "pulses": "all"}},
    }
    config.write_text(json.dumps(table | fields))
    config.chmod(0o600)
    return config


@pytest.mark.parametrize("trouble", ["full", "dead"])
def test_a_card_that_takes_nothing_for_a_while(rig, tmp_path, verdicts, trouble):
    rig.worker_ensure()
    begun, number = time.monotonic(), {"full": "44", "dead": "45"}[trouble]
    (grant,) = rig.stations(f"SG-{number}00RPI40001")
    config = config_write(tmp_path, grant)
    folder = DataFolder(tmp_path / "SGdata", grant["serial"], 3_000, f"{rig.seed}", 400)
    card = Card(
        [sys.executable, "-m", "station_agent", "run", "--config", str(config)], rig.environment, tmp_path, "4m"
    )
    try:
        until(
            lambda: rig.query(
                "SELECT 1 FROM telemetry_streamledger l JOIN stations_station s ON s.id = l.station_id WHERE s.serial = %s",
                grant["serial"],
            ),
            "a first word of the agent",
        )
        folder.start()
        until(lambda: heard_in_database(rig, grant["serial"]), "first lines")
        ballast = card.fill() if trouble == "full" else card.refuse()
        settled(
            lambda: len(heard_in_database(rig, grant["serial"])),
            "lines that left before they were on the card",
            rest=5.0,
        )
        assert card.process.poll() is None, "the agent ended"
        back = time.monotonic()
        if trouble == "full":
            ballast.unlink()
        else:
            card.accept()
        folder.join(60)
        said = (tmp_path / "card.log").read_text()
        until(
            lambda: len(heard_in_database(rig, grant["serial"])) >= len(folder.heard),
            f"every line; the agent says: {said[-800:]}",
            every=0.3,
        )
        recovered = time.monotonic() - back
        rig.quiesce()
        assert card.process.poll() is None
    finally:
        card.stop()
    heard = heard_in_database(rig, grant["serial"])
    verdict = Verdict(case=f"the station's card is {trouble}", number=number, seed=rig.seed, recovered_s=recovered)
    verdict.sent = verdict.confirmed = len(folder.heard)
    verdict.lost, verdict.doubled = len(folder.heard - set(heard)), len(heard) - len(set(heard))
    verdict.unexpected, verdict.seconds = len(set(heard) - folder.heard), time.monotonic() - begun
    verdict.note = (
        f"The card with the agent's state is {trouble} for eight seconds while a Sensorgnome writes; the agent keeps "
        "running, reports it, and continues where it was. Numbers are lines of its files."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
    assert "The source sensorgnome failed" in said, said[-800:]


def test_what_a_full_outbox_drops_is_a_gap_of_the_same_size(rig, tmp_path, verdicts):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-4401RPI40001")
    prefill(rig, tmp_path, grant, hours=WEEK_HOURS, outbox={"cap_bytes": 300_000})
    stream, _, dropped, _ = facts(tmp_path)
    assert dropped > 0
    running, begun = agent(rig, grant, tmp_path, outbox={"cap_bytes": 300_000}), time.monotonic()
    try:
        until(lambda: rig.query(STREAMS, grant["serial"], stream), "a first word")
        until(lambda: outbox_of(tmp_path)[0] == 0, "an empty outbox", every=0.2)
        rig.quiesce()
    finally:
        running.stop()
    _, dropped, last = outbox_of(tmp_path)
    received, _, messages, repeats = rig.query(STREAMS, grant["serial"], stream)[0]
    missing = sum(1 for seq in range(1, last + 1) if not any(part.lower <= seq < part.upper for part in received))
    kept = last - dropped
    verdict = Verdict(case="an outbox that was too small", number="44", seed=rig.seed, sent=kept, confirmed=kept)
    verdict.unaccounted, verdict.repeats, verdict.seconds = abs(missing - dropped), repeats, time.monotonic() - begun
    verdict.note = f"{dropped} of the least valuable messages were dropped to make room, and the ledger lacks as many; no detection is among them."
    verdicts.append(verdict)
    assert verdict.is_clean, (missing, dropped, messages)
    pulses = rig.query(
        "SELECT count(*) FROM telemetry_detection d JOIN stations_station s ON s.id = d.station_id WHERE s.serial = %s",
        grant["serial"],
    )
    assert pulses == [(WEEK_HOURS,)]


def test_a_week_without_a_link_comes_home_behind_the_present(rig, tmp_path, verdicts):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-4600RPI40001")
    prefill(rig, tmp_path, grant, hours=WEEK_HOURS)
    stream, kept, _, next_seq = facts(tmp_path)
    running, begun = agent(rig, grant, tmp_path), time.monotonic()
    try:
        until(lambda: rig.query(STREAMS, grant["serial"], stream), "a first word", every=0.01)
        until(lambda: whole(rig, grant, stream, kept + 1), "the week", every=0.1)
        recovered = time.monotonic() - begun
        rig.quiesce()
    finally:
        running.stop()
    received, _, messages, repeats = rig.query(STREAMS, grant["serial"], stream)[0]
    verdict = Verdict(case="a week without a link", number="46", seed=rig.seed, sent=kept, confirmed=kept)
    verdict.lost = sum(1 for seq in range(1, next_seq) if not any(part.lower <= seq < part.upper for part in received))
    verdict.doubled, verdict.repeats = messages - sum(part.upper - part.lower for part in received), repeats
    verdict.recovered_s, verdict.seconds = recovered, time.monotonic() - begun
    verdict.note = f"A real agent with the messages of {WEEK_HOURS} hours on its card; the time is from its start until everything had arrived."
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
    # The first health report of the new day arrives before the readings of the week.
    newest = rig.query(
        "SELECT min(r.received_at) FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id "
        "JOIN stations_station t ON t.id = s.station_id WHERE t.serial = %s AND s.name = 'week'",
        grant["serial"],
    )[0][0]
    contact = rig.query(
        "SELECT c.first_contact_at FROM stations_stationcontact c JOIN stations_station t ON t.id = c.station_id WHERE t.serial = %s",
        grant["serial"],
    )[0][0]
    assert contact <= newest


def prefill(rig, folder, grant, *, hours, **fields):
    """Fill the agent's own outbox with a station's messages from this many hours."""
    config = config_write(folder, grant, **fields)
    done = subprocess.run(
        [sys.executable, str(HERE / "prefill.py"), str(config), str(hours)],
        env=rig.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "facts.json").write_text(done.stdout)


def outbox_of(folder):
    """Messages waiting, messages dropped, and the last number in the outbox."""
    with closing(sqlite3.connect(folder / "state" / "outbox.db")) as sql:
        waiting = sql.execute("SELECT messages FROM totals").fetchone()[0]
        dropped = sql.execute("SELECT coalesce(sum(messages), 0) FROM dropped").fetchone()[0]
        return waiting, dropped, sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()[0]


def facts(folder):
    found = json.loads((folder / "facts.json").read_text())
    return found["stream"], found["kept"], found["dropped"], found["next"]


def whole(rig, grant, stream, count):
    rows = rig.query(STREAMS, grant["serial"], stream)
    return bool(rows) and rows[0][2] >= count
