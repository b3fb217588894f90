"""A flooding station, from its first message to its suspension, with the usual quotas."""

import subprocess
import sys
import threading
import time

import pytest
from faults.fleet_of_links import Linked, Links, judge_links
from faults.oracle import Verdict, judge
from faults.publisher import Publishing
from faults.rig import HERE
from faults.test_abuse import probe, probes, worst
from waiting import until

from operations.paths import REPOSITORY

pytestmark = pytest.mark.faults

#: As in the settings, except for the burst, which would let a flood of some seconds pass.
QUOTA = {"ROOST_QUOTA_MESSAGES_PER_S": "20", "ROOST_QUOTA_BURST": "2000", "ROOST_QUOTA_BYTES_PER_HOUR": "50000000"}
#: Seconds from the first message of a flood until the suspension.
SUSPENDED_WITHIN_S = 60.0


def is_suspended(rig, serial):
    return rig.query("SELECT suspended_at IS NOT NULL FROM stations_station WHERE serial = %s", serial) == [(True,)]


def test_a_flooding_station_is_cut_off_within_a_minute_and_costs_its_neighbour_no_message(rig, verdicts, tmp_path):
    environment = rig.environment | QUOTA
    rig.worker_ensure(**QUOTA)
    flooder, calm = rig.stations("SG-F68CRPI40001", "SG-F68DRPI40001")
    neighbour = Linked(calm, rig.seed)
    verdict, begun = Verdict(case="flood to suspension", number="68", seed=rig.seed), time.monotonic()
    sweep = subprocess.Popen([sys.executable, str(HERE / "sweep_floods.py")], env=environment, cwd=REPOSITORY)
    try:
        with Links(neighbour):
            until(lambda: neighbour.is_connected, "the neighbour's connection")
            before = probes(rig, neighbour, 100)
            flood = Publishing([flooder], f"flood-{rig.seed}", 5_000_000, tmp_path)
            started, during = time.monotonic(), []
            over = threading.Event()
            flood.start()
            while not over.is_set():
                during.append(probe(rig, neighbour))
                if is_suspended(rig, flooder["serial"]) or time.monotonic() - started > 2 * SUSPENDED_WITHIN_S:
                    over.set()
            verdict.recovered_s = time.monotonic() - started
            sent = flood.confirmed
            flood.stop()
            after = [probe(rig, neighbour) for _ in range(20)]
            rig.quiesce()
            judge(rig, flood, verdict)
            judge_links(rig, [neighbour], verdict)
    finally:
        sweep.terminate()
        sweep.wait(10)
        rig.worker_stop()
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"A station sends as fast as it can, over its quota; it was suspended {verdict.recovered_s:.0f} s after its first "
        f"message, of which {sent:,} were confirmed by then. A neighbour's p99 to the database is "
        f"{worst([d for _, d in before])} before and {worst([d for _, d in during])} during ({len(during)} messages), "
        f"{worst([d for _, d in after])} at the end; to the broker's confirm {worst([c for c, _ in before])} and "
        f"{worst([c for c, _ in during])}."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, (verdict.row(), verdict.details)
    assert verdict.recovered_s <= SUSPENDED_WITHIN_S, verdict.note
