"""The agent at `/agent/`: open to everybody, built from the sources that run here, with a hash that pip checks."""

import hashlib
import io
import re
import subprocess
import sys
import zipfile

import pytest
from agent.test_distribution import wheel

from fleet.stations.joining.agent_wheel import agent_wheel

__all__ = ["wheel"]

pytestmark = pytest.mark.django_db


def test_the_page_tells_name_hash_and_command(client):
    page = client.get("/agent/").content.decode()
    made = agent_wheel()
    assert f'href="{made.name}#sha256={made.sha256}"' in page
    assert f"/agent/{made.name}#sha256={made.sha256}" in page
    assert re.search(r"pip install &quot;http|pip install \"http", page)


def test_the_file_is_what_its_hash_says(client):
    made = agent_wheel()
    answer = client.get(f"/agent/{made.name}")
    assert hashlib.sha256(answer.content).hexdigest() == made.sha256
    assert answer.headers["ETag"] == f'"{made.sha256}"'
    assert client.get("/agent/station_agent-0.0.9-py3-none-any.whl").status_code == 404


def test_it_holds_what_the_build_tool_would_pack(wheel):
    theirs, ours = zipfile.ZipFile(wheel), zipfile.ZipFile(io.BytesIO(agent_wheel().content))

    def packed(archive):
        return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}

    wanted = {name: content for name, content in packed(theirs).items() if not name.endswith(".toml")}
    assert packed(ours) == wanted
    (metadata,) = [name for name in theirs.namelist() if name.endswith("METADATA")]
    needed, said = (
        {_sorted(line) for line in text.splitlines() if line.startswith("Requires-")}
        for text in (theirs.read(metadata).decode(), ours.read(metadata).decode())
    )
    assert said == needed


def _sorted(line):
    """A requirement with its bounds in a fixed order."""
    return "".join(sorted(line.replace(" ", "").replace('"', "'")))


def test_pip_installs_it_and_it_says_its_version(tmp_path):
    made = agent_wheel()
    (tmp_path / made.name).write_bytes(made.content)
    target = tmp_path / "there"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target), str(tmp_path / made.name)]
    uv = [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--target", str(target), str(tmp_path / made.name)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        subprocess.run(uv, capture_output=True, check=True)
    program = f"import sys; sys.path.insert(0, {str(target)!r}); import station_agent; print(station_agent.__file__)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(target))
    assert (target / "bin" / "station-agent").exists()
