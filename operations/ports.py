"""The ports of this instance, remembered between starts."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import psutil

from operations.errors import OperationsError
from operations.paths import Paths

NAMES = (
    "site",
    "live",
    "amqp",
    "amqps",
    "management",
    "broker_metrics",
    "epmd",
    "distribution",
    "postgres",
    "redis",
    "flower",
    "smtp",
    "mail",
    "motus",
)

LOOPBACK = "127.0.0.1"
NOTHING_OPEN: Mapping[str, str] = MappingProxyType({})

# Below the kernel's range for outgoing connections (32768 and up): a remembered port in that range may meanwhile be in
# use by some connection.
LOWEST, HIGHEST = 15000, 32000


def port_refusal(port: int, *, host: str = LOOPBACK) -> str | None:
    """Why the kernel refuses this port; None if it does not.

    The check sets `SO_REUSEADDR`, as every server does, so that closed connections do not count.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return "can only be opened by root"
        except OSError:
            return f"is in use by {port_owner(port)}"
    return None


def port_owner(port: int) -> str:
    """The program that listens on a port, as words for a sentence."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another program"
    for connection in connections:
        if (
            connection.status == psutil.CONN_LISTEN
            and getattr(connection.laddr, "port", None) == port
            and connection.pid
        ):
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                break
    return "another program"


def port_pick(*, taken: Iterable[int]) -> int:
    """A free port not used by another name of this instance."""
    used = set(taken)
    candidates = random.SystemRandom().sample(range(LOWEST, HIGHEST), 200)
    for port in candidates:
        if port not in used and port_refusal(port) is None:
            return port
    raise OperationsError(
        f"No free port was found between {LOWEST} and {HIGHEST}: stop some of the programs that listen there, then start again."
    )


def ports_read(*, paths: Paths) -> dict[str, int]:
    """The remembered ports; a name without one gets one. Does not check that they are free."""
    ports: dict[str, int] = {}
    try:
        stored = json.loads(paths.ports_file.read_text())
        ports = {name: int(stored[name]) for name in NAMES if name in stored}
    except (FileNotFoundError, ValueError, TypeError):
        pass
    chosen = {name: port for name in NAMES if (port := port_from_environment(name))}
    if (chosen.items() - ports.items()) or set(NAMES) - ports.keys():
        ports |= chosen
        for name in NAMES:
            if name not in ports:
                ports[name] = port_pick(taken=ports.values())
        ports_write(paths=paths, ports=ports)
    return ports


def port_from_environment(name: str) -> int | None:
    """The port set with ROOST_PORT_<NAME>, if any."""
    variable = f"ROOST_PORT_{name.upper()}"
    value = os.environ.get(variable)
    if not value:
        return None
    if not value.isdigit() or not 1 <= int(value) <= 65535:
        raise OperationsError(f"{variable} is {value!r}: give a port number from 1 to 65535, or leave it unset.")
    return int(value)


def ports_write(*, paths: Paths, ports: dict[str, int]) -> None:
    """Store the ports by write and rename, so that a reader never sees half a file."""
    paths.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = paths.ports_file.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps(ports, indent=1) + "\n")
    scratch.replace(paths.ports_file)


def ports_settle(*, paths: Paths, binds: Mapping[str, str] = NOTHING_OPEN) -> tuple[dict[str, int], list[str]]:
    """Before a start, replace remembered ports that are in use. Return the ports, and messages for the person."""
    ports = ports_read(paths=paths)
    remarks: list[str] = []
    for name, port in ports.items():
        refusal = port_refusal(port, host=binds.get(name, LOOPBACK))
        if refusal is None:
            continue
        if port_from_environment(name):
            raise OperationsError(
                f"Port {port}, which ROOST_PORT_{name.upper()} names, {refusal}: choose another, or stop the program that uses it."
            )
        ports[name] = port_pick(taken=ports.values())
        remarks.append(f"Port {port} ({name}) {refusal}; Roost uses {ports[name]} instead.")
        if name == "amqps":
            remarks.append(
                "Stations enrolled earlier still use the old port: set ROOST_PORT_AMQPS "
                f"to {port} once it is free, or enrol them again."
            )
    ports_write(paths=paths, ports=ports)
    return ports, remarks
