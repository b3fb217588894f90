"""The agent is a distribution of its own: it runs with four small pure-Python libraries, without Django, Celery or the
server.
"""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
#: Packages that a station must not need.
FORBIDDEN = (
    "django",
    "celery",
    "kombu",
    "psycopg",
    "redis",
    "httpx",
    "fleet",
    "workers",
    "web",
    "operations",
    "yaml",
    "psutil",
    "zstandard",
)
RUN = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden!r}:
            raise ImportError(name + " is not on a station")
sys.meta_path.insert(0, Blocker())
sys.path.insert(0, {unpacked!r})
import importlib, pkgutil, station_agent
assert station_agent.__file__.startswith({unpacked!r}), station_agent.__file__
for module in pkgutil.walk_packages(station_agent.__path__, "station_agent."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import formats, message_queue
assert message_queue.__file__.startswith({unpacked!r}), message_queue.__file__
assert formats.__file__.startswith({unpacked!r}), formats.__file__
from station_agent.main import main
sys.argv = ["station-agent", *{arguments!r}]
main()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY / "station_agent", check=True, capture_output=True)
    (path,) = folder.glob("station_agent-*-py3-none-any.whl")
    return path


def test_it_holds_the_agent_the_formats_and_the_wire_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"station_agent", "formats", "message_queue"}
    assert "station_agent/station-agent.service" in names
    assert "message_queue/contracts/commands/ping.py" in names
    assert not [name for name in names if name.endswith(".pyc")]


@pytest.mark.parametrize("more", [(), ("msgspec",)], ids=["with msgspec", "without msgspec"])
def test_it_runs_without_the_server(wheel, tmp_path, more):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = RUN.format(forbidden={*FORBIDDEN, *more}, unpacked=str(tmp_path), arguments=["--help"])
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "enrol" in done.stdout


def test_it_asks_for_plain_python_and_for_no_more_than_the_server_has():
    agent = tomllib.loads((REPOSITORY / "station_agent" / "pyproject.toml").read_text())["project"]
    server = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert {name_of(each) for each in agent["dependencies"]} == {"pika", "qrcode", "rich", "typer"}
    assert {name_of(each) for each in agent["optional-dependencies"]["fast"]} == {"msgspec"}
    known = {name_of(each) for each in server["dependencies"]}
    assert {name_of(each) for each in agent["dependencies"]} <= known


def name_of(requirement):
    return re.match(r"[a-z0-9-]+", requirement).group()
