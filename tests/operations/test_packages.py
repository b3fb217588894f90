"""Missing packages are installed if the user may do that, or named in one sentence."""

import os

import pytest

from operations import packages
from operations.errors import OperationsError

APT_GET = """#!/bin/sh
echo "$@" >>"{log}"
[ -x /usr/sbin/policy-rc.d ] && echo "services may not start" >>"{log}"
{then}
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without RabbitMQ, whose apt-get records its arguments."""
    log = tmp_path / "apt.log"
    log.touch()
    absent = [True]
    monkeypatch.setattr(packages, "tools_missing", lambda **_: [packages.RABBITMQ] if absent[0] else [])

    def make(*, then="exit 0", tools=("apt-get",), root=True, installs=True):
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in tools:
            script = folder / tool
            script.write_text(APT_GET.format(log=log, then=then) if tool == "apt-get" else '#!/bin/sh\nexec "$@"\n')
            script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if "apt-get" in tools else str(folder))
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        real = packages.install

        def install(*arguments: object, **options: object):
            real(*arguments, **options)
            absent[0] = not installs

        monkeypatch.setattr(packages, "install", install)
        return log

    return make


def test_without_apt_the_packages_are_named(machine):
    machine(tools=())
    with pytest.raises(OperationsError, match=r"install rabbitmq-server .*`docker compose up`"):
        packages.tools_ensure(assume_yes=True)


def test_a_user_without_sudo_gets_the_list(machine, monkeypatch):
    log = machine(root=False)
    monkeypatch.setenv("PATH", str(log.parent / "bin"))
    with pytest.raises(OperationsError, match=r"RabbitMQ is not on this machine: install rabbitmq-server"):
        packages.tools_ensure(assume_yes=True)
    assert log.read_text() == ""


def test_a_user_with_sudo_is_asked_first_and_nothing_happens_without_an_answer(machine):
    log = machine(root=False, tools=("apt-get", "sudo"))
    with pytest.raises(OperationsError, match="With --yes Roost installs them itself"):
        packages.tools_ensure(assume_yes=False)
    assert log.read_text() == ""
