"""`./roost demo` while a demo is running: it says what it leaves unchanged, and what to do."""

import json
import os
import subprocess
import sys
import tempfile

import pytest
from waiting import PATIENCE_S

from operations.paths import REPOSITORY, Paths
from operations.programs import INSTANCE_VARIABLE, Program
from operations.running.supervisor_daemon import Supervisor, configuration_write


@pytest.fixture
def demo(tmp_path):
    """A running supervisor, as of a demo with twelve stations."""
    paths = Paths(tmp_path / "var")
    paths.create()
    (paths.run / "demo.json").write_text(json.dumps([{"serial": f"SG-{number}"} for number in range(12)]))
    sleeper = Program(
        name="sleeper",
        command=(sys.executable, "-c", "import time; time.sleep(600)"),
        environment={INSTANCE_VARIABLE: str(paths.var), "PATH": os.defpath},
        directory=paths.var,
    )
    configuration_write(paths=paths, programs=[sleeper])
    Supervisor(paths).launch(tied_to_us=True)

    def run(*words: str):
        return subprocess.run(
            [REPOSITORY / "roost", "demo", *words],
            # A socket whose path is too long is put into the temporary folder: both must use the same one.
            env={
                "PATH": os.environ["PATH"],
                "ROOST_VAR": str(paths.var),
                "ROOST_VENV": sys.prefix,
                "TMPDIR": tempfile.gettempdir(),
            },
            timeout=PATIENCE_S,
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    Supervisor(paths).end()


def test_another_number_of_stations_is_refused_with_what_to_do(demo):
    done = demo("--stations", "3")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(
        "The demo is already running with 12 stations and was left unchanged. For 3: `./roost down`"
    )


@pytest.mark.parametrize("words", [[], ["--stations", "12"]], ids=["none", "the same"])
def test_the_same_number_or_none_is_told_where_it_is(demo, words):
    done = demo(*words)
    assert done.returncode == 0
    assert "Roost is already running" in done.stdout
