"""The rigs, with one broker and with three; three stations in each; and the report at the end of a test process."""

import sys
from collections.abc import Iterator

import pytest
from faults import report
from faults.cluster import ClusterStack
from faults.oracle import Verdict
from faults.rig import Grant, Rig

from operations.stack import Stack

STATIONS = ("SG-FA01RPI40001", "SG-FA02RPI40002", "SG-FA03RPI40003")


@pytest.fixture(scope="session")
def versions() -> dict[str, str]:
    """Versions of what ran; every rig adds its own."""
    return {}


@pytest.fixture(scope="session")
def verdicts(versions, pytestconfig) -> Iterator[list[Verdict]]:
    """Verdicts of the cases so far, printed at the end of the run."""
    made: list[Verdict] = []
    yield made
    if made:
        # To standard error: the only output of a test process that shows when several run in parallel.
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            seed = made[0].seed
            words = f"Faults, seed {seed}; ROOST_FAULT_SEED={seed} plays them again."
            print(f"\n\n{words}\n{report.table(made)}", file=sys.stderr)
        report.save(made, versions)


@pytest.fixture(scope="session")
def rig(services, tmp_path_factory, versions) -> Iterator[Rig]:
    """One rig for the whole run."""
    with Rig.open(Stack(tmp_path_factory.mktemp("rig"))) as made:
        versions.update(made.versions())
        yield made


@pytest.fixture(scope="module")
def cluster_rig(services, tmp_path_factory, versions) -> Iterator[Rig]:
    """A rig with three brokers that form a cluster."""
    with Rig.open(ClusterStack(tmp_path_factory.mktemp("cluster"))) as made:
        versions.update(made.versions())
        yield made


@pytest.fixture(scope="session")
def grants(rig) -> list[Grant]:
    """Three stations with their logins."""
    return rig.stations(*STATIONS)


@pytest.fixture(scope="module")
def cluster_grants(cluster_rig) -> list[Grant]:
    """Three stations of the cluster."""
    return cluster_rig.stations(*STATIONS)
