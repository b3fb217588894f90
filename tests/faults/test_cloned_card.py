"""A copied card: two real agents with one identity and one outbox are detected, and their data is kept apart."""

import shutil
import subprocess
import sys
import time

import pytest
from faults.oracle import Verdict
from faults.rig import HERE, REPOSITORY
from faults.test_agent_and_relay_killed import agent
from waiting import until

pytestmark = pytest.mark.faults

FIRST, SECOND, BEFORE = 3, 4, 5
LINES = 40
#: 2021-12-17 00:00 UTC.
BEGIN = 1_639_699_200


def write(folder, grant, hour, port):
    """Write a file for an hour; its lines are told apart by the hour and by the machine's port."""
    day = folder / "SGdata" / "2021-12-17"
    day.mkdir(parents=True, exist_ok=True)
    name = f"changeMe-{grant['serial']}-000007-2021-12-17T{hour:02d}-00-0{port}.0000T-all.txt"
    lines = [f"p{port},{BEGIN + hour * 3_600 + n}.1234,2.637,-38.87,-53.61\n" for n in range(LINES)]
    (day / name).write_text("".join(lines))
    return {(port, BEGIN + hour * 3_600 + n) for n in range(LINES)}


def heard(rig, grant):
    rows = rig.query(
        "SELECT d.port, floor(extract(epoch FROM d.occurred_at))::bigint FROM telemetry_detection d "
        "JOIN stations_station s ON s.id = d.station_id WHERE s.serial = %s",
        grant["serial"],
    )
    return [(port, second) for port, second in rows]


def branches(rig, grant):
    return rig.query(
        "SELECT l.branch FROM telemetry_streamledger l JOIN stations_station s ON s.id = l.station_id "
        "WHERE s.serial = %s AND l.branch <> ''",
        grant["serial"],
    )


def held(rig, grant):
    return rig.query(
        "SELECT count(*) FROM ingest_quarantinedmessage q JOIN stations_station s ON s.id = q.station_id "
        "WHERE s.serial = %s AND q.reason = 'forked-stream' AND q.state = 'held'",
        grant["serial"],
    )[0][0]


def incidents(rig, grant):
    return rig.query(
        "SELECT i.closed_at IS NULL FROM alerts_incident i JOIN stations_station s ON s.id = i.station_id "
        "WHERE s.serial = %s AND i.rule = 'cloned_card'",
        grant["serial"],
    )


def clock(rig, word):
    subprocess.run([sys.executable, str(HERE / "branches.py"), word], env=rig.environment, cwd=REPOSITORY, check=True)


def test_a_copied_card_is_found_out_and_nothing_is_merged(rig, tmp_path, verdicts):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-4800RPI40001")
    one, two, begun = tmp_path / "one", tmp_path / "two", time.monotonic()
    one.mkdir()
    written = {BEFORE: write(one, grant, 0, BEFORE), FIRST: set(), SECOND: set()}
    running = agent(rig, grant, one)
    try:
        until(lambda: len(heard(rig, grant)) == LINES, "what was before")
    finally:
        running.stop()
    shutil.copytree(one, two)
    copied = time.monotonic()
    machines = [agent(rig, grant, one)]
    time.sleep(1.5)
    machines.append(agent(rig, grant, two))
    try:
        hour, found_after = 1, None
        while found_after is None:
            written[FIRST] |= write(one, grant, hour, FIRST)
            written[SECOND] |= write(two, grant, hour, SECOND)
            hour += 1
            time.sleep(4.0)
            clock(rig, "judge")
            if branches(rig, grant) == [("cloned",)]:
                found_after = time.monotonic() - copied
            assert hour < 24, f"the copied card was not detected: {branches(rig, grant)}"
        assert found_after < 300
        assert incidents(rig, grant) == [(True,)]
        until(lambda: all(machine.starts == 1 for machine in machines), "agents that stayed")
        until(lambda: written[FIRST] <= set(heard(rig, grant)), "all of the first machine", every=0.3)
        rig.quiesce()
    finally:
        for machine in machines:
            machine.stop()
    apart = set(heard(rig, grant))
    assert apart == written[BEFORE] | written[FIRST], "the two machines' data were merged"
    assert held(rig, grant) > 0
    clock(rig, "believe")
    rows, everything = heard(rig, grant), set().union(*written.values())
    verdict = Verdict(case="a copied card in two machines", number="48", seed=rig.seed, recovered_s=found_after)
    verdict.sent = verdict.confirmed = len(everything)
    verdict.lost, verdict.unexpected = len(everything - set(rows)), len(set(rows) - everything)
    verdict.doubled, verdict.seconds = len(rows) - len(set(rows)), time.monotonic() - begun
    verdict.note = (
        "Two real agents run from one copied folder. The second one's messages are kept apart and an incident opens; the "
        "time is from the copy until then. After a decision to accept them, all are stored. Numbers are lines of both."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
    assert (held(rig, grant), incidents(rig, grant)) == (0, [(False,)])
