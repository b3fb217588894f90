"""Finding the servers that Roost needs, or installing them from the distribution with progress messages."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

from operations.errors import OperationsError
from operations.services import postgres, rabbitmq, redis

#: Installs packages without letting them start or keep their own servers: the distribution's instances would listen on
#: the well-known ports, and Roost uses none of them. Existing instances are left unchanged.
INSTALL_SCRIPT = """\
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/roost.conf
tidy() { rm -f "$cluster"; [ -z "$made_policy" ] || rm -f "$policy"; }
made_policy=
trap tidy EXIT
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
mkdir -p "$(dirname "$cluster")"
printf 'create_main_cluster = false\\n' > "$cluster"
apt-get update -q
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
for service in $SERVICES; do
  systemctl disable "$service" >/dev/null 2>&1 || update-rc.d "$service" disable >/dev/null 2>&1 || true
done
"""


#: Beginnings of apt's output lines that are shown as progress, and seconds between two shown lines.
STEPS = ("Get:", "Unpacking ", "Setting up ")
TELL_EVERY_S = 5.0


@dataclass(frozen=True)
class Tool:
    """A program that Roost needs but does not include."""

    title: str
    package: str
    services: tuple[str, ...]


RABBITMQ = Tool("RabbitMQ", "rabbitmq-server", ("rabbitmq-server", "epmd.service", "epmd.socket"))
POSTGRES = Tool("PostgreSQL", "postgresql", ())
REDIS = Tool("Redis", "redis-server", ("redis-server",))
#: For the tests: a browser (the headless one takes half the processor time), an MQTT broker to forward values to, a
#: third-party AMQP client, and wget for the command that installs the agent.
CHROMIUM = Tool("Chromium", "chromium-headless-shell", ())
MOSQUITTO = Tool("Mosquitto", "mosquitto", ("mosquitto",))
AMQP_TOOLS = Tool("amqp-publish", "amqp-tools", ())
WGET = Tool("wget", "wget", ())


def tools_missing(*, for_tests: bool = False) -> list[Tool]:
    """Tools missing on this machine."""
    found: dict[Tool, object] = {
        RABBITMQ: rabbitmq.server_find() and shutil.which("epmd"),
        POSTGRES: postgres.binaries_find(),
        REDIS: redis.server_find(),
    }
    if for_tests:
        found |= {
            CHROMIUM: browser_find(),
            MOSQUITTO: mosquitto_find(),
            AMQP_TOOLS: shutil.which("amqp-publish"),
            WGET: shutil.which("wget"),
        }
    return [tool for tool, path in found.items() if not path]


def browser_find() -> str | None:
    """The browser for the tests: the headless one, else the full one."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def mosquitto_find() -> str | None:
    """The MQTT broker for the tests. Debian puts it in /usr/sbin, which is usually only on root's PATH."""
    return shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))


def tools_ensure(*, assume_yes: bool, for_tests: bool = False) -> None:
    """Install missing tools. Raises `OperationsError` with what to do if it cannot."""
    missing = tools_missing(for_tests=for_tests)
    if not missing:
        return
    titles = titles_of(missing)
    names = " ".join(tool.package for tool in missing)
    by_hand = (
        f"{titles} {'is' if len(missing) == 1 else 'are'} not on this machine: install {names} and start again, "
        "or run everything in containers with `docker compose up`."
    )
    if shutil.which("apt-get") is None:
        raise OperationsError(by_hand)
    elevation: list[str] = []
    if os.geteuid() != 0:
        elevation = elevation_find(assume_yes=assume_yes, by_hand=by_hand, names=names)
    print(f"Installing {titles} from the distribution's packages ({names}); this takes a minute or two.", flush=True)
    install(missing, elevation=elevation)
    still_missing = tools_missing(for_tests=for_tests)
    if still_missing:
        raise OperationsError(
            f"The packages are installed, but the programs of {titles_of(still_missing)} are not where Roost looks for "
            "them: run everything in containers with `docker compose up`."
        )


def titles_of(tools: list[Tool]) -> str:
    """The tools' names as a list in a sentence."""
    *first, last = (tool.title for tool in tools)
    return f"{', '.join(first)} and {last}" if first else last


def elevation_find(*, assume_yes: bool, by_hand: str, names: str) -> list[str]:
    """The prefix that runs a command as root, after asking the person."""
    if shutil.which("sudo") is None:
        raise OperationsError(by_hand)
    if not assume_yes:
        if not sys.stdin.isatty():
            raise OperationsError(f"{by_hand} With --yes Roost installs them itself through sudo.")
        answer = input(f"May Roost install {names} with `sudo apt-get install`? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            raise OperationsError(by_hand)
    return ["sudo"]


def install(tools: list[Tool], *, elevation: list[str]) -> None:
    """Run the script as root; show its output only if it failed."""
    services = " ".join(service for tool in tools for service in tool.services)
    command = [*elevation, "env", f"SERVICES={services}", "sh", "-c", INSTALL_SCRIPT, "roost"]
    command += [tool.package for tool in tools]
    code, said = run_with_progress(command)
    if code == 0:
        return
    print(said, file=sys.stderr)
    packages = shlex.join(tool.package for tool in tools)
    raise OperationsError(
        f"`apt-get install {packages}` failed (its output is above): "
        "install them by hand, or run everything in containers with `docker compose up`."
    )


def run_with_progress(command: list[str]) -> tuple[int, str]:
    """Run a command that takes minutes and show its progress every few seconds. Return its exit code and output."""
    lines: list[str] = []
    told = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            lines.append(line)
            if time.monotonic() - told >= TELL_EVERY_S and line.startswith(STEPS):
                told = time.monotonic()
                print(f"… {line.strip().rstrip('.').strip()}", flush=True)
    return process.returncode, "".join(lines)
