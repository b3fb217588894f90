"""`./roost` reports misuse and errors in one sentence, with the right exit code."""

import json
import os
import re
import subprocess
import sys

import pytest
from waiting import PATIENCE_S

from operations.cli import app
from operations.paths import REPOSITORY


@pytest.fixture
def roost(tmp_path):
    def run(*words: str, stdout: int = subprocess.PIPE, **environment: str):
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [REPOSITORY / "roost", *words],
            env={**inherited, "ROOST_VAR": str(tmp_path / "var"), "ROOST_VENV": sys.prefix, **environment},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE_S,
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
        ("demo", "--join", "--leave"),
        ("open", "frobnicate"),
        ("completion",),
        ("completion", "frobnicate"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(roost, words):
    done = roost(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "?." not in done.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("stats",), "status"),
        (("up", "--detatch"), "--detach"),
        (("logs", "rabitmq"), "rabbitmq"),
        (("test", "--qick"), "--quick"),
        (("open", "mal"), "mail"),
        (("completion", "fsh"), "fish"),
        (("bench", "ingst"), "ingest"),
        (("simulate", "--speeed", "2"), "--speed"),
        (("station", "lst"), "list"),
        (("station", "list", "--jsn"), "--json"),
        (("station", "list", "--state", "silnt"), "silent"),
        (("user", "pasword"), "password"),
    ],
    ids=" ".join,
)
def test_a_mistyped_command_gets_the_one_that_was_probably_meant(roost, words, meant):
    done = roost(*words)
    assert done.returncode == 2
    assert re.search(rf"Did you mean .*(?<!\w){re.escape(meant)}\b", done.stderr), done.stderr


@pytest.mark.parametrize("word", [each.name for each in app.registered_commands])
def test_every_word_has_help(roost, word):
    done = roost(word, "--help")
    assert done.returncode == 0
    assert done.stdout.strip()


def test_status_of_a_stopped_instance_says_so_and_creates_nothing(roost, tmp_path):
    done = roost("status")
    assert done.returncode == 1
    assert done.stdout == "Roost is not started; run `./roost up`.\n"
    answer = json.loads(roost("status", "--json").stdout)
    assert answer == {"healthy": False, "services": {}, "urls": {}, "admin": None, "warnings": []}
    assert list(tmp_path.iterdir()) == []


def test_help_of_a_word_is_its_help(roost):
    assert roost("help", "demo").stdout == roost("demo", "--help").stdout
    assert roost("help").stdout == roost("--help").stdout


def test_the_list_of_words_fits_a_terminal_and_cuts_no_sentence(roost):
    lines = roost("--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage:")] == []


def test_nothing_is_opened_while_nothing_runs(roost):
    done = roost("open")
    assert done.returncode == 1
    assert done.stderr == "Roost is not running: start it with `./roost up`, then open it.\n"


@pytest.mark.parametrize("word", ["--join", "--leave"])
def test_the_demo_joins_and_leaves_only_what_runs(roost, tmp_path, word):
    done = roost("demo", word)
    assert done.returncode == 1
    assert done.stderr.startswith("Roost is not running: start it with `./roost up`")


def completed(script, typed):
    """The completions that bash offers after these words."""
    words = [*typed.split(" ")]
    program = f"""{script}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}; _roost; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_shell_completes_commands_words_and_options(roost):
    script = roost("completion", "bash").stdout
    assert completed(script, "./roost sta") == ["status", "station"]
    assert completed(script, "./roost demo --j") == ["--join"]
    assert {"add", "list", "revoke"} <= set(completed(script, "./roost station "))
    assert completed(script, "./roost station add SG-1 --org") == ["--organization"]
    assert completed(script, "./roost user pass") == ["password"]
    assert roost("completion", "zsh").stdout.endswith(script)
    fish = roost("completion", "fish").stdout
    assert re.search(r"^complete -c roost .*'station add'.* -l organization ", fish, re.MULTILINE)


def test_roost_alone_shows_its_help(roost):
    done = roost()
    assert done.returncode == 0
    assert done.stdout == roost("--help").stdout
    assert "status" in done.stdout


@pytest.mark.parametrize("word", ["user", "organization", "key", "station", "card", "export"])
def test_djangos_own_options_are_no_help_to_a_person(roost, word):
    help_text = roost(word, "--help").stdout
    assert "--settings" not in help_text
    assert "--traceback" not in help_text
    assert "WORD" in help_text


@pytest.mark.parametrize(
    ("var", "reason"),
    [
        ("/proc/no-such", "no such file or directory"),
        ("/dev/null", "file exists"),
        ("/dev/null/below", "not a directory"),
        ("/sys/roost", "operation not permitted|permission denied|read-only file system"),
    ],
)
@pytest.mark.parametrize("words", [("up",), ("user", "list")], ids=" ".join)
def test_a_folder_that_cannot_be_written_is_a_sentence(roost, var, reason, words):
    done = roost(*words, ROOST_VAR=var)
    assert done.returncode == 1
    assert re.fullmatch(
        f"{var}\\S* cannot be written \\(({reason})\\): choose another folder with ROOST_VAR.\n", done.stderr
    )


@pytest.mark.parametrize("value", ["many", "0", "nan", "1e999"])
@pytest.mark.parametrize("name", ["ROOST_WATCHDOG_S", "ROOST_INGEST_WORKERS"])
def test_a_setting_that_is_no_number_is_a_sentence(roost, name, value):
    done = roost("up", **{name: value})
    assert done.returncode == 1
    assert re.fullmatch(rf"{name} is '{re.escape(value)}': give a number from \d up, or leave it unset.\n", done.stderr)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 0, "Usage: ./roost"),
        (("--help",), 0, "Usage: ./roost"),
        (("up", "--help"), 0, "Usage: ./roost"),
        (("status",), 1, "Roost is not started; run `./roost up`, which installs what is missing."),
        (("status", "--json"), 1, '"healthy": false'),
        (("down",), 0, "there is nothing to stop"),
    ],
)
def test_before_there_is_an_environment_help_and_status_answer_and_make_none(roost, tmp_path, words, code, says):
    done = roost(*words, ROOST_VENV=str(tmp_path / "venv"))
    assert (done.returncode, says in done.stdout) == (code, True), done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_help_before_there_is_an_environment_names_every_word_with_its_sentence(roost, tmp_path):
    early = roost("--help", ROOST_VENV=str(tmp_path / "venv")).stdout
    for command in app.registered_commands:
        sentence = re.split(r"[;:.]", (command.help or command.callback.__doc__).strip().splitlines()[0])[0]
        assert re.search(rf"^  {command.name} +{re.escape(sentence)}", early, re.MULTILINE), command.name


@pytest.mark.parametrize(("words", "code"), [(["manage", "help"], 141), (["--help"], 1)])
def test_a_reader_that_has_seen_enough_hears_of_no_error(roost, words, code):
    reader, writer = os.pipe()
    os.close(reader)
    done = roost(*words, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (code, "")


def test_down_of_what_is_not_up_is_no_error(roost):
    done = roost("down")
    assert done.returncode == 0
    assert "nothing to stop" in done.stdout


def test_a_domain_word_without_a_database_says_how_to_start_it(roost):
    done = roost("station", "list")
    assert done.returncode == 1
    assert "start Roost with `./roost up`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def bare(roost, tmp_path):
    """A machine with only a shell's tools, and a person who is not root."""

    def run(*words: str, also=()):
        tools = tmp_path / "bin"
        tools.mkdir()
        for tool in ("bash", "env", "readlink", "dirname", "realpath", "sha256sum", "mkdir", "flock", "cat", *also):
            (tools / tool).symlink_to(f"/usr/bin/{tool}")
        return roost(*words, PATH=str(tools), ROOST_VENV=str(tmp_path / "venv"))

    return run


def test_a_machine_without_python_gets_one_sentence_with_all_that_is_missing(bare):
    done = bare("test")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert re.match(r"Roost needs packages that this machine does not have: install python3 python3-venv ", done.stderr)
    # This machine's RabbitMQ, PostgreSQL and Mosquitto are found where Debian puts them, whatever PATH says.
    wanted = (
        r"redis-server chromium-headless-shell (mosquitto )?amqp-tools wget \(Python must be 3.11 or newer\) and start"
    )
    assert re.search(wanted, done.stderr)


def test_a_word_that_needs_no_server_does_not_ask_for_one(bare):
    done = bare("user", "list")
    assert done.returncode == 1
    assert "install python3 python3-venv (Python" in done.stderr


def test_a_plain_pytest_finds_roost_in_the_clones_own_environment(tmp_path):
    clone = tmp_path / "clone"
    packages = clone / "var" / "venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (clone / "requirements").mkdir()
    (clone / "requirements" / "lock.txt").write_text("")
    (clone / "roost").write_bytes((REPOSITORY / "roost").read_bytes())
    (clone / "var" / "venv" / "bin").mkdir()
    (clone / "var" / "venv" / "bin" / "python").symlink_to("/usr/bin/true")
    stamp = subprocess.run(["sha256sum"], input=b"", capture_output=True, check=True).stdout
    (clone / "var" / "venv" / ".roost-lock").write_bytes(stamp)
    subprocess.run(["bash", clone / "roost", "status"], env={"PATH": os.environ["PATH"]}, check=True)
    assert (packages / "roost.pth").read_text() == f"{clone}\n"
