"""A file rests, grows again and is gzipped, beside a file hours ahead, one from 2043 and a copy: each line is stored
once.
"""

import gzip
import os
import time

import pytest
from faults.data_folder import BEGIN, PULSE
from faults.oracle import Verdict
from faults.test_agent_and_relay_killed import agent, heard_in_database
from waiting import until

pytestmark = pytest.mark.faults

HOUR = 3_600


class Card:
    """The data folder of a receiver, and the row that each line must become."""

    def __init__(self, root, serial) -> None:
        self.day, self.serial, self.heard = root / "2021-12-16", serial, set()
        self.day.mkdir(parents=True)

    def path(self, moment, folder=None):
        """Path of the file that begins at a moment (`2021-12-16T10-00-00.0000T`)."""
        return (folder or self.day) / f"changeMe-{self.serial}-000007-{moment}-all.txt"

    def append(self, path, port, first, count):
        """Write some pulses, each in a second of its own; `first` is the number of the first line."""
        with path.open("a") as file:
            for number in range(first, first + count):
                second = BEGIN + port * HOUR + number
                file.write(f"p{port},{second}.5000,2.637,-38.87,-53.61\n")
                self.heard.add((PULSE, port, number, second * 10_000 + 5_000))


@pytest.mark.parametrize("pause", [1, pytest.param(45, marks=pytest.mark.long)])
def test_a_file_that_rests_and_grows_beside_clocks_that_are_ahead(rig, tmp_path, verdicts, pause):
    rig.worker_ensure()
    (grant,) = rig.stations(f"SG-90{pause:02d}RPI40001")
    serial, begun = grant["serial"], time.monotonic()
    card = Card(tmp_path / "agent" / "SGdata", serial)
    live = card.path("2021-12-16T10-00-00.0000T")
    ahead, wrong = card.path("2021-12-16T14-00-00.0000T"), card.path("2043-01-01T00-00-00.0000P")
    copied = card.path("2021-12-15T10-00-00.0000T", card.day.with_name("2021-12-17"))
    copied.parent.mkdir()

    def here():
        return heard_in_database(rig, serial)

    def all_here():
        return len(here()) >= len(card.heard)

    card.append(live, 1, 1, 4)
    running = agent(rig, grant, tmp_path / "agent")
    try:
        until(all_here, "the first four pulses")
        card.append(ahead, 2, 1, 3)
        card.append(wrong, 3, 1, 2)
        card.append(copied, 4, 1, 5)
        os.utime(copied, (time.time() + 5 * HOUR,) * 2)
        until(all_here, "what lies beside the live file")
        # The receiver hears nothing for this long.
        time.sleep(pause)
        card.append(live, 1, 5, 5)
        until(all_here, "what the live file grew by")
        live.with_name(live.name + ".gz").write_bytes(gzip.compress(live.read_bytes()))
        live.unlink()
        card.append(ahead, 2, 4, 3)
        until(all_here, "the file after it")
        running.kill()
        until(lambda: running.starts == 2, "the agent's second start")
        card.append(ahead, 2, 7, 1)
        until(all_here, "a line after the agent began again")
        rig.quiesce()
    finally:
        running.stop()
    heard = here()
    verdict = Verdict(case="file grown, gzipped, clock ahead", number="90", seed=rig.seed)
    verdict.sent = verdict.confirmed = len(card.heard)
    verdict.lost, verdict.doubled = len(card.heard - set(heard)), len(heard) - len(set(heard))
    verdict.unexpected = len(set(heard) - card.heard)
    counted = rig.query(
        "SELECT sum(f.rows) FROM files_stationfile f JOIN stations_station s ON s.id = f.station_id WHERE s.serial = %s",
        serial,
    )
    verdict.unaccounted = abs(int(counted[0][0]) - len(card.heard))
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"The live file gets 4 pulses, rests for {pause} s beside one that begins four hours later, one from 2043 and a copy "
        "from the day before with a future modification time, gets 5 more and is gzipped; then the agent is killed. "
        "Numbers are lines."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, (verdict.row(), sorted(card.heard ^ set(heard)))
