"""`./roost` says in one sentence what was wrong, with the exit code that belongs to it."""

import os
import subprocess
import sys

import pytest

from operations.paths import REPOSITORY


@pytest.fixture
def roost(tmp_path):
    def run(*words: str, **environment: str):
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [REPOSITORY / "roost", *words],
            env={**inherited, "ROOST_VAR": str(tmp_path / "var"), "ROOST_VENV": sys.prefix, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("stat",),
        ("up", "--frobnicate"),
        ("demo", "--stations", "many"),
        ("demo", "--stations", "0"),
        ("logs", "frobnicate"),
        ("logs", "-n", "few"),
        ("status", "surplus"),
        ("station", "add"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(roost, words):
    done = roost(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "?." not in done.stderr


@pytest.mark.parametrize("word", ["up", "down", "status", "demo", "test", "logs", "station", "manage"])
def test_every_word_has_help(roost, word):
    done = roost(word, "--help")
    assert done.returncode == 0
    assert done.stdout.strip()


def test_status_of_what_is_not_up_says_so_and_fails(roost):
    done = roost("status")
    assert done.returncode == 1
    assert "is not started; run `./roost up`" in done.stdout


def test_down_of_what_is_not_up_is_no_error(roost):
    done = roost("down")
    assert done.returncode == 0
    assert "nothing to end" in done.stdout


def test_a_domain_word_without_a_database_says_how_to_start_it(roost):
    done = roost("station", "list")
    assert done.returncode == 1
    assert "start Roost with `./roost up`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_machine_without_python_gets_a_sentence(roost, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env", "readlink", "dirname", "realpath", "sha256sum", "mkdir", "flock", "cat"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    done = roost("status", PATH=str(tools), ROOST_VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "Roost needs Python 3.11 or newer" in done.stderr
