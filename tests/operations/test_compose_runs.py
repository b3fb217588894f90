"""The containers as a person starts them, on a real Docker engine: all healthy, reachable by a station, down and up
again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from operations.paths import REPOSITORY, Paths

ENGINE = REPOSITORY / "tests" / "operations" / "engine"
#: The root folders are kept between runs, because building them takes a quarter of an hour.
FOLDER = Path(os.environ.get("ROOST_ENGINE") or Paths.from_environment().var.parent / "engine")
INSIDE = "/srv/roost/tests/operations/engine"
FILES = f"-f /srv/roost/docker-compose.yml -f {INSIDE}/host-network.yml"

pytestmark = pytest.mark.long


def engine(network, *command: str):
    done = subprocess.run(
        [ENGINE / "enter.sh", FOLDER / "root", FOLDER / "docker", network, *command],
        # The settings of these tests are not those of the containers.
        env={name: value for name, value in os.environ.items() if not name.startswith("ROOST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    # The engine's own log would hide what the command said.
    assert done.returncode == 0, f"{done.stdout[-5_000:]}\n{done.stderr[-2_000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def seen():
    """Run the trial; return its results by name."""
    assert os.geteuid() == 0, "Only root can start an engine in its own namespaces."
    subprocess.run(
        [ENGINE / "roots.sh", FOLDER],
        check=True,
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.DEVNULL,
    )
    bases = "/var/lib/docker/bases"
    engine("open", "bash", f"{INSIDE}/images.sh", f"{bases}/bookworm.tar", f"{bases}/trixie.tar", f"{bases}/node")
    # The first `up --build` without network finds in the cache what was built with the network.
    engine("open", "bash", "-c", f"docker compose --progress quiet {FILES} build")
    lines = [line.partition("=") for line in engine("closed", "bash", f"{INSIDE}/trial.sh").splitlines()]
    return {name: value for name, equals, value in lines if equals and name.isidentifier()}


def test_every_container_becomes_healthy(seen):
    assert seen["healthy"] == "11 healthy"
    assert int(seen["healthy_after_s"]) < 300


def test_a_station_enrols_from_outside_and_is_on_time(seen):
    assert seen["station"] == "on_time"


def test_after_down_and_up_all_of_it_is_there(seen):
    assert seen["left_running"] == "1"  # It is the station itself.
    assert seen["station_again"] == "on_time"
    assert seen["certificate_before"] == seen["certificate_after"]


def test_containers_started_in_the_wrong_order_become_healthy(seen):
    assert seen["healthy_after_wrong_order"] == "yes"


def test_a_check_costs_next_to_nothing(seen):
    # This includes starting the process in the container; Django alone took 1,500.
    assert int(seen["check_ms"]) < 1_000


def test_nothing_is_left(seen):
    assert seen["left_at_the_end"] == "0 0 0"
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    assert "br-" not in links
    assert str(FOLDER) not in Path("/proc/mounts").read_text()
