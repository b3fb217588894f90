"""The later life of a station, with the real `./roost`: correct use, `--json`, and misuse in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from migrated import database_fill
from waiting import PATIENCE_S

from operations.instance import Instance
from operations.paths import REPOSITORY

Done = subprocess.CompletedProcess[str]


class Roost:
    """`./roost` of one instance, run from a folder outside the repository."""

    def __init__(self, instance: Instance, folder: Path) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = {**inherited, "ROOST_VAR": str(instance.paths.var), "ROOST_VENV": sys.prefix}
        self.folder = folder

    def __call__(self, *words: str) -> Done:
        return subprocess.run(
            [REPOSITORY / "roost", *words],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )


@pytest.fixture(scope="module")
def roost(private_stack, tmp_path_factory) -> Roost:
    """A private instance with two organizations and a station."""
    instance = Instance.load(private_stack().paths)
    database_fill(instance)
    made = Roost(instance, tmp_path_factory.mktemp("elsewhere"))
    for words in (("organization", "add", "Institute"), ("organization", "add", "Elsewhere")):
        assert made(*words).returncode == 0
    add_station(made, "SG-WORDS9")
    return made


def data(done: Done) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def add_station(roost: Roost, serial: str) -> str:
    assert roost("station", "add", serial, "--organization", "Institute").returncode == 0
    return serial


def state(roost: Roost, serial: str) -> str:
    return data(roost("station", "show", serial, "--json"))["state"]


def test_a_station_moves_is_told_to_rotate_retires_and_is_deleted(roost):
    serial = add_station(roost, "SG-WORDS1")
    assert data(roost("station", "move", serial, "--to", "Elsewhere", "--json")) == {
        "serial": serial,
        "organization": "Elsewhere",
    }
    assert f"{serial} now belongs to Institute." in roost("station", "move", serial, "--to", "institute").stdout
    rotated = data(roost("station", "rotate", serial, "--json"))
    assert (rotated["serial"], len(rotated["command"])) == (serial, 36)
    retired = data(roost("station", "retire", serial, "--json"))
    assert retired["serial"] == serial
    assert retired["retired_at"]
    assert state(roost, serial) == "retired"
    # A retired station accepts no commands: that is a refusal, not misuse.
    refused = roost("station", "rotate", serial)
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
    assert data(roost("station", "delete", serial, "--yes", serial, "--json")) == {"serial": serial, "deleted": True}
    assert roost("station", "show", serial).returncode == 2


def test_people_read_sentences(roost):
    serial = add_station(roost, "SG-WORDS2")
    assert "The old one works until the new one is in use." in roost("station", "rotate", serial).stdout
    assert "is retired. Its data is kept" in roost("station", "retire", serial).stdout
    assert "is deleted; its data will be erased" in roost("station", "delete", serial, "--yes", serial).stdout


def test_a_device_is_claimed_by_its_code_once(roost):
    made = "from fleet.stations.joining.claims import claim_open;print('CODE',claim_open(serial='SG-WORDS3',hardware={})[2])"
    shown = roost("manage", "shell", "-c", made)
    code = next(line.split()[1] for line in shown.stdout.splitlines() if line.startswith("CODE"))
    told = data(roost("station", "claim", code, "--organization", "Institute", "--json"))
    assert told == {"serial": "SG-WORDS3", "organization": "Institute"}
    again = roost("station", "claim", code, "--organization", "Institute")
    assert again.returncode == 2
    assert len(again.stderr.strip().splitlines()) == 1


def test_a_list_is_looked_at_then_imported_from_the_folder_where_one_stands(roost):
    here = roost.folder
    (here / "list.csv").write_text("serial,name\nSG-WORDS4,Tip\nbad serial,x\n")
    looked = roost("station", "import", "list.csv", "--organization", "Institute", "--dry-run", "--json")
    assert looked.returncode == 1
    told = json.loads(looked.stdout)
    assert (told["good"], told["imported"], [each["line"] for each in told["problems"]]) == (1, 0, [3])
    whole = roost("station", "import", "list.csv", "--organization", "Institute", "--tokens", "tokens.csv")
    assert whole.returncode == 1
    assert "2 lines read, 1 imported, 1 problems." in whole.stdout
    assert state(roost, "SG-WORDS4") == "never_seen"
    assert (here / "tokens.csv").read_text().count("SG-WORDS4") == 1
    assert (here / "tokens.csv").stat().st_mode & 0o077 == 0
    twice = roost("station", "import", "list.csv", "--organization", "Institute", "--tokens", "tokens.csv")
    assert twice.returncode == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rotate"], "SERIAL"),
        (["rotate", "SG-NONE"], "There is no station SG-NONE"),
        (["retire", "SG-NONE", "--json"], "There is no station SG-NONE"),
        (["move", "SG-WORDS9"], "--to"),
        (["move", "SG-WORDS9", "--to", "Nobody"], "There is no organization 'Nobody'"),
        (["move", "SG-WORDS9", "--to", "Elsewhere", "--history", "burns"], "--history"),
        (["delete", "SG-WORDS9"], "--yes"),
        (["delete", "SG-WORDS9", "--yes", "SG-OTHER"], "SG-WORDS9"),
        (["claim", "AAAA-2222", "--organization", "Institute"], "code"),
        (["claim", "AAAA-2222", "--organization", "Nobody"], "There is no organization 'Nobody'"),
        (["import", "none.csv", "--organization", "Institute"], "cannot be read"),
        (["import", "none.csv"], "--organization"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2_and_changes_nothing(roost, words, sentence):
    done = roost("station", *words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_after_all_that_wrong_use_the_station_is_as_it_was(roost):
    shown = data(roost("station", "show", "SG-WORDS9", "--json"))
    assert (shown["organization"], shown["state"]) == ("Institute", "never_seen")
