"""The agent on a 32-bit ARM board without a compiler: installed by pip from its wheel, it sends to a server on this
machine.

This requires root, `debootstrap`, `qemu-arm-static` and half an hour: it builds a Debian 12 for armhf in a folder and
runs it with qemu. `ROOST_ARM_ROOT` names a folder that already has one. Run it with `./roost test --long
tests/agent/test_small_board.py`.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from agent.messages_of import rows_counted
from agent.test_agent_run import bodies
from agent.test_distribution import wheel
from agent.test_sensorgnome_source import own_files
from waiting import PATIENCE_S

from station_agent.config import config_write

__all__ = ["wheel"]

pytestmark = pytest.mark.long

QEMU = "/usr/bin/qemu-arm-static"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
#: The kernel recognizes a 32-bit ARM program by the first bytes of its file; the second part says which bits count.
MAGIC = (
    r":qemu-arm:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:" + QEMU + ":F"
)
PACKAGES = "python3,python3-venv,ca-certificates"
SURROUNDINGS = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
}
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3_000:]}\n{done.stderr[-3_000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The root folder of a Debian 12 for armhf that this machine can run."""
    if os.getuid() != 0 or shutil.which("debootstrap") is None or not Path(QEMU).exists():
        pytest.skip("This test needs root, debootstrap and qemu-arm-static.")
    if not (BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT))
    if not (BINFMT / "qemu-arm").exists():
        (BINFMT / "register").write_text(MAGIC)
    kept = os.environ.get("ROOST_ARM_ROOT")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("armhf")
    if not (folder / "usr/bin/python3").exists():
        first = ("debootstrap", "--arch=armhf", "--foreign", "--variant=minbase", f"--include={PACKAGES}")
        run(*first, "bookworm", str(folder))
        run("chroot", str(folder), "/debootstrap/debootstrap", "--second-stage", env=SURROUNDINGS)
    for kind, at in (("proc", "proc"), ("devtmpfs", "dev")):
        if not os.path.ismount(folder / at):
            run("mount", "-t", kind, kind, str(folder / at))
    shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
    shutil.copy(CERTIFICATES, folder / CERTIFICATES.lstrip("/"))
    yield folder
    for at in ("proc", "dev"):
        run("umount", str(folder / at))


def inside(root, *command):
    return run("chroot", str(root), *command, env=SURROUNDINGS)


@pytest.fixture(scope="module")
def installed(root, wheel):
    """Install the agent into a virtual environment under that root; return its folder as seen from inside."""
    shutil.rmtree(root / "opt/station-agent", ignore_errors=True)
    shutil.copy(wheel, root / "opt")
    inside(root, "python3", "-m", "venv", "/opt/station-agent")
    before = size_mb(root / "opt/station-agent")
    options = ("--no-cache-dir", "--disable-pip-version-check", "--only-binary=:all:")
    inside(root, "/opt/station-agent/bin/pip", "install", *options, f"/opt/{wheel.name}")
    print(f"{size_mb(root / 'opt/station-agent') - before:.1f} MB installed")
    return "/opt/station-agent"


def size_mb(folder):
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


def test_the_board_has_no_compiler_and_the_agent_nothing_compiled(root, installed):
    said = inside(root, "python3", "-c", "import struct, platform; print(struct.calcsize('P') * 8, platform.machine())")
    assert said.split()[0] == "32"
    assert not [name for name in ("gcc", "cc", "clang") if (root / "usr/bin" / name).exists()]
    assert not list((root / installed.lstrip("/")).rglob("*.so"))
    listed = inside(root, f"{installed}/bin/pip", "list", "--disable-pip-version-check")
    assert not [name for name in ("msgspec", "psutil", "zstandard", "pydantic") if name in listed]


def test_the_agent_sends_the_card_s_files_and_obeys_commands(root, installed, make_broker_station):
    station = make_broker_station(tls=True)
    home = root / "var/lib/station-agent"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    own_files(home / "SGdata")
    table = {
        "serial": station.serial,
        "state_dir": "/var/lib/station-agent/state",
        "profile": "generous",
        "amqp": {key: value for key, value in msgspec.to_builtins(station.amqp).items() if value is not None},
        "commands": {"consent_file": "/var/lib/station-agent/consent.json", "reboot": ["true"]},
        "sources": {"sensorgnome": {"directory": "/var/lib/station-agent/SGdata"}},
    }
    config_write(home / "config.toml", table)
    begun = time.monotonic()
    log = (home / "agent.log").open("wb")
    agent = subprocess.Popen(
        [
            "chroot",
            str(root),
            f"{installed}/bin/station-agent",
            "run",
            "--config",
            "/var/lib/station-agent/config.toml",
        ],
        stderr=log,
        env=SURROUNDINGS,
    )
    try:
        found = station.see_until(
            lambda s: rows_counted(bodies(s))["T"] >= 100 and rows_counted(bodies(s))["p"] >= 200, seconds=300.0
        )
        assert rows_counted(bodies(found)) == {"p": 200, "T": 100, "clock": 2, "setting": 1, "G": 1}
        print(f"all data here after {time.monotonic() - begun:.0f} s under qemu")
        hello = next(body for kind, body in bodies(found) if kind == "hello")
        assert hello.hardware["memory_bytes"] > 0
        for name in ("ping", "run_diagnostics"):
            steps = station.statuses(station.command(name), last="succeeded", seconds=120.0)
            assert [step.state for step in steps] == ["received", "running", "succeeded"]
        resident = (Path("/proc") / str(agent.pid) / "status").read_text().partition("VmRSS:")[2].split()[0]
        print(f"{int(resident) / 1000:.0f} MB resident, qemu's own among them")
        assert "Connected to" in inside(
            root, f"{installed}/bin/station-agent", "status", "--config", "/var/lib/station-agent/config.toml"
        )
    finally:
        agent.terminate()
        assert agent.wait(PATIENCE_S) == 0, (home / "agent.log").read_text()[-3_000:]
        log.close()
