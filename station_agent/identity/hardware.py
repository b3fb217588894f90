"""A description of this machine for the server's record."""

import hashlib
import platform
import socket
from pathlib import Path

from message_queue.contracts.base import Scalar
from station_agent.host import memory_read, processors_count

#: Serial numbers of the processor or the board, best first; the last two are a PC's.
_SERIALS = (
    Path("/proc/device-tree/serial-number"),
    Path("/sys/class/dmi/id/product_uuid"),
    Path("/sys/class/dmi/id/board_serial"),
)
_CPUINFO = Path("/proc/cpuinfo")
_NETWORK = Path("/sys/class/net")
_MODEL = Path("/proc/device-tree/model")


def hardware_read() -> dict[str, Scalar]:
    """Model, processor, memory, kernel, Python, and its address in its own network."""
    try:
        model = _MODEL.read_text("utf-8", "replace").strip("\x00\n ")
    except OSError:
        model = ""
    facts: dict[str, Scalar] = {
        "machine": platform.machine(),
        "kernel": platform.release()[:128],
        "python": platform.python_version(),
        "cpus": processors_count(),
        "memory_bytes": memory_read().total,
    }
    if address := address_read():
        facts["address"] = address
    return {"model": model[:128], **facts} if model else facts


def machine_read() -> str:
    """A short hash of hardware that does not move with the SD card: the same card in another board gives another.

    It is the processor's serial, else the board's, else the addresses of the network hardware; empty if nothing is
    known.
    """
    known = _cpu_serial() or next((text for path in _SERIALS if (text := _text(path))), "") or _addresses()
    return hashlib.sha256(known.encode()).hexdigest()[:16] if known else ""


def _cpu_serial() -> str:
    for line in _text(_CPUINFO).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "Serial" and value.strip().strip("0"):
            return value.strip()
    return ""


def _addresses() -> str:
    """Addresses of hardware interfaces only, because bridges and tunnels come and go."""
    try:
        cards = sorted(card for card in _NETWORK.iterdir() if (card / "device").exists())
    except OSError:
        return ""
    return ",".join(sorted(_text(card / "address") for card in cards))


def address_read() -> str:
    """The address this machine would use to reach the internet; no packet is sent for this."""
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect((elsewhere, 9))
                return str(asked.getsockname()[0])
        except OSError:
            continue
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip("\x00\n ")
    except OSError:
        return ""
