"""The whole of `./roost up`, as a person starts and stops it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import pytest
from waiting import PATIENCE_S, until

from operations.errors import OperationsError
from operations.instance import Instance
from operations.leftovers import leftovers_find
from operations.paths import REPOSITORY, Paths
from operations.running import up
from operations.running.demo_plan import ORGANIZATION, demo_serials
from operations.running.supervisor_daemon import Supervisor

#: All tests here share one system and run in one process, because they stop it and start it again.
pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.usefixtures("services")]


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def environment(var, **more: str):
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, "ROOST_VAR": str(var), "ROOST_VENV": sys.prefix, **more}


def roost(var, *words: str, seconds=240, **more: str):
    return subprocess.run(
        [REPOSITORY / "roost", *words],
        env=environment(var, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def throw_away(var):
    """Stop an instance, and remove its data outside its folder."""
    roost(var, "down")
    shutil.rmtree(Instance.load(Paths(var)).postgres.home, ignore_errors=True)


@pytest.fixture(scope="module")
def var(tmp_path_factory):
    var = tmp_path_factory.mktemp("whole") / "var"
    yield var
    throw_away(var)


@pytest.fixture(scope="module")
def system(var):
    """The running system, with everything started."""
    done = roost(var, "up", "--detach")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(roost(var, "status", "--json").stdout)


def test_a_nearly_full_disk_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 10**12, 4 * 10**8))
    with pytest.raises(OperationsError, match=r"has only 0\.4 GB free and Roost needs 1\.5 GB"):
        up.disk_check(Paths(tmp_path))


@pytest.mark.long
def test_everything_works_and_says_where_it_is(system):
    assert set(system) == {"healthy", "services", "urls", "admin", "warnings"}
    assert system["healthy"] is True
    assert set(system["urls"]) == {"site", "amqps", "management", "flower", "mail"}
    assert {service["healthy"] for service in system["services"].values()} == {True}
    assert httpx.get(system["urls"]["site"] + "/healthz", trust_env=False).json()["healthy"] is True


@pytest.mark.long
def test_the_administrator_can_log_in(system):
    file = Path(system["admin"]["password_file"])
    assert file.stat().st_mode & 0o777 == 0o600
    with httpx.Client(base_url=system["urls"]["site"], trust_env=False, follow_redirects=True) as browser:
        browser.get("/login/")
        person = {"login": system["admin"]["username"], "password": file.read_text().strip()}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post("/login/", data={**person, **token}, headers={"Referer": system["urls"]["site"]})
        assert "sessionid" in browser.cookies


@pytest.mark.long
def test_starting_what_is_up_says_so(system, var):
    done = roost(var, "up")
    assert done.returncode == 0
    assert "already running" in done.stdout
    assert system["urls"]["site"] in done.stdout


@pytest.mark.long
def test_a_station_is_added_and_listed(system, var):
    added = roost(var, "station", "add", "SG-0001RPI40001", "--organization", "Old Cut", "--json")
    assert json.loads(added.stdout)["server"] == system["urls"]["site"]
    listed = roost(var, "station", "list", "--json")
    assert [station["serial"] for station in json.loads(listed.stdout)] == ["SG-0001RPI40001"]


@pytest.mark.long
def test_the_demo_joins_what_runs_and_leaves_it_as_it_was(system, var):
    def listed(word, name):
        return {row[name] for row in json.loads(roost(var, word, "list", "--json").stdout)}

    before = listed("station", "serial"), listed("organization", "name")
    joined = roost(var, "demo", "--join", "--stations", "2")
    assert joined.returncode == 0, joined.stdout + joined.stderr
    assert "No mails are sent about them" in joined.stdout
    assert listed("organization", "name") - before[1] == {ORGANIZATION}
    new = listed("station", "serial") - before[0]
    assert new == set(demo_serials(2))

    def are_live():
        rows = json.loads(roost(var, "station", "list", "--organization", ORGANIZATION, "--json").stdout)
        return {row["state"] for row in rows} == {"on_time"}

    until(are_live, "simulated stations that report")
    assert "is there already, with 2 stations" in roost(var, "demo", "--join").stdout
    left = roost(var, "demo", "--leave")
    assert left.returncode == 0, left.stdout + left.stderr
    assert (listed("station", "serial"), listed("organization", "name")) == before
    assert "fleet" not in Supervisor(Paths(var)).states()
    assert roost(var, "status").returncode == 0
    assert "There is no demo" in roost(var, "demo", "--leave").stdout


@pytest.mark.long
def test_the_site_is_opened_where_it_is(system, var):
    done = roost(var, "open")
    assert (done.returncode, done.stdout) == (0, f"{system['urls']['site']}\n")
    assert roost(var, "open", "mail").stdout == f"{system['urls']['mail']}\n"


@pytest.mark.long
@pytest.mark.parametrize("name", ["site", "relay", "redis"])
def test_what_is_killed_comes_back(system, var, name):
    assert system["healthy"]
    found = [
        process
        for process in leftovers_find(paths=Paths(var))
        if {"site": "web.asgi", "relay": "workers.relay", "redis": "redis-server"}[name] in " ".join(process.cmdline())
    ]
    found[0].kill()
    until(lambda: roost(var, "status").returncode == 0, f"{name} again")


@pytest.mark.long
def test_a_killed_supervisor_is_cleared_away_by_the_next_start(system, var):
    assert system["healthy"]
    psutil.Process(int((var / "run" / "supervisord.pid").read_text())).kill()
    done = roost(var, "up", "--detach")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Processes left by an earlier start have been stopped." in done.stdout


@pytest.mark.long
def test_down_ends_everything_in_fifteen_seconds_and_ctrl_c_too(system, var):
    assert system["healthy"]
    begun = time.monotonic()
    assert roost(var, "down").returncode == 0
    assert time.monotonic() - begun < 15
    assert leftovers_find(paths=Paths(var)) == []

    with subprocess.Popen(
        [REPOSITORY / "roost", "up"], env=environment(var), stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                break
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert time.monotonic() - begun < 15
    assert leftovers_find(paths=Paths(var)) == []


@pytest.mark.long
def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing(tmp_path):
    paths = Paths(tmp_path / "var")
    with subprocess.Popen([REPOSITORY / "roost", "up"], env=environment(paths.var), stdout=subprocess.PIPE) as process:
        until((paths.run / "supervisord.pid").exists, "the start")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert leftovers_find(paths=paths) == []
    throw_away(paths.var)


@pytest.mark.long
def test_two_at_once_do_not_meet(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    try:
        starts = [
            subprocess.Popen(
                [REPOSITORY / "roost", "up", "--detach"], env=environment(folder), stdout=subprocess.DEVNULL
            )
            for folder in folders
        ]
        assert [start.wait(300) for start in starts] == [0, 0]
        found = [json.loads(roost(folder, "status", "--json").stdout) for folder in folders]
        assert [each["healthy"] for each in found] == [True, True]
        assert set(found[0]["urls"].values()).isdisjoint(found[1]["urls"].values())
    finally:
        for folder in folders:
            throw_away(folder)
