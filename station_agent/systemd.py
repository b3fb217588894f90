"""Notifying systemd: ready, alive, stopping, and a status line."""

import os
import socket


def notify(message: str) -> None:
    """Send one sd_notify message; do nothing if systemd did not start the agent."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
        try:
            door.connect("\0" + address[1:] if address.startswith("@") else address)
            door.sendall(message.encode())
        except OSError:
            return


def watchdog_seconds() -> float | None:
    """Seconds between the signs of life systemd expects, halved for safety; None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2_000_000
