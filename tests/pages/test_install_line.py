"""The command line of the page `/agent/`, run as it is printed there: it installs the agent, or it runs nothing."""

import html
import os
import re
import subprocess
import sys
import sysconfig

import pytest
from waiting import PATIENCE_S

from fleet.stations.joining.agent_install import install_script
from fleet.stations.joining.agent_wheel import agent_wheel

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]


@pytest.fixture
def machine(tmp_path, live_server, settings, client):
    """A pretended station: the script writes only below a folder, and `sudo` just runs its command."""
    settings.SITE_URL = live_server.url
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sudo").chmod(0o755)
    (tools / "python3").symlink_to(sys.executable)
    environment = {
        "PATH": f"{tools}:{os.defpath}",
        "HOME": str(tmp_path),
        "STATION_AGENT_HOME": str(tmp_path / "opt"),
        "STATION_AGENT_BIN": str(tmp_path / "bin"),
        "STATION_AGENT_UNITS": str(tmp_path / "units"),
        "STATION_AGENT_CONFIG": str(tmp_path / "station.toml"),
        # The libraries come from this environment: only the origin of the agent itself is tested.
        "PIP_NO_DEPS": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        **{name: value for name, value in os.environ.items() if name.lower() in ("no_proxy", "tmpdir")},
    }

    def type_in(change=lambda line: line):
        page = client.get("/agent/").content.decode()
        line = html.unescape(re.search(r'id="install-line"><code>([^<]+)<', page)[1])
        return subprocess.run(
            ["sh", "-c", change(line)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    return type_in


def only_install(line):
    """The line without its last word, because the agent would wait for somebody to claim it."""
    assert line.endswith(" claim")
    return line.removesuffix(" claim")


def test_the_line_installs_the_agent_and_again_and_says_how_to_join(machine, tmp_path, live_server):
    for _ in range(2):
        done = machine(only_install)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "station-agent.sh: OK" in done.stdout
        assert f"To join, type: station-agent claim --server {live_server.url}" in done.stdout
    said = subprocess.run(
        [tmp_path / "bin" / "station-agent", "--version"],
        env={"PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.startswith("station-agent ")
    assert list((tmp_path / "opt").glob("lib/python3*/site-packages/station_agent/station-agent.service"))


def test_the_line_joins_in_one_go(machine):
    done = machine(lambda line: only_install(line) + " enrol --serial SG-1 --token wrong")
    assert done.returncode == 1
    assert "The server did not accept the token for station SG-1" in done.stderr


def test_another_script_than_the_page_names_is_not_run(machine, tmp_path):
    done = machine(lambda line: re.sub(r'"[0-9a-f]{8}', '"00000000', only_install(line)))
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert not (tmp_path / "opt").exists()


def test_another_agent_than_the_script_names_is_not_installed(machine, tmp_path, monkeypatch):
    real = agent_wheel()
    monkeypatch.setattr(
        "sg_status.pages.joining.agent.agent_wheel",
        lambda: type(real)(real.name, real.content + b"more", real.sha256),
    )
    done = machine(only_install)
    assert done.returncode == 1
    assert "The agent was not installed" in done.stderr
    assert not (tmp_path / "bin").exists()


def test_a_word_that_it_does_not_know_is_a_sentence(machine):
    done = machine(lambda line: only_install(line) + " enroll")
    assert done.returncode == 2
    assert done.stderr == "There is no word 'enroll': use claim, enrol --token TOKEN, or nothing.\n"


def test_the_script_names_the_site_and_the_hash_and_nothing_is_left_open(client, settings):
    script = client.get("/agent/install.sh").content
    assert script == install_script(settings.SITE_URL)
    assert re.search(rb"@[A-Z0-9]+@", script) is None
    assert agent_wheel().sha256.encode() in script
