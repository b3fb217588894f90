"""The rig that all tests of one test process share, three stations in it, and the report at the end."""

import sys
from collections.abc import Iterator

import pytest
from faults import report
from faults.oracle import Verdict
from faults.rig import Grant, Rig

STATIONS = ("SG-FA01RPI40001", "SG-FA02RPI40002", "SG-FA03RPI40003")


@pytest.fixture(scope="session")
def verdicts() -> list[Verdict]:
    """What became of the cases so far."""
    return []


@pytest.fixture(scope="session")
def rig(tmp_path_factory, verdicts, pytestconfig) -> Iterator[Rig]:
    """One rig for the whole run."""
    with Rig.open(tmp_path_factory.mktemp("rig")) as made:
        yield made
        if verdicts:
            # To standard error: the only output of a test process that is seen when several run beside each other.
            with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                words = f"Faults, seed {made.seed}; ROOST_FAULT_SEED={made.seed} plays them again."
                print(f"\n\n{words}\n{report.table(verdicts)}", file=sys.stderr)
            report.save(verdicts, made.versions())


@pytest.fixture(scope="session")
def grants(rig) -> list[Grant]:
    """Three stations with their logins."""
    return rig.stations(*STATIONS)
