"""A container's health check. It queries the process, and loads only a little of the standard library.

Run as `python -I -S operations/container_check.py NAME`; the exit code is 0 if the process works. With ten containers,
a check that loads Django cost a third of a core permanently.
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import sys
import time
from pathlib import Path

#: Seconds to wait for an answer.
PATIENCE_S = 5.0
#: Process -> the sign, a file that it touches after some work, and the maximum age of that file in seconds. The clock
#: touches its own with each task that it sends; the task workers touch theirs with the clock's canary, every 15 s.
SIGNS = {"ingest": ("ingest", 15), "relay": ("relay", 15), "tasks": ("canary.tasks", 60), "beat": ("beat", 60)}
#: Process -> its port and a page that it answers successfully when it works.
PAGES = {
    "site": (8000, "/healthz"),
    "live": (8001, "/live/healthz"),
    "flower": (5555, "/"),
    "mail": (8025, "/"),
}
SMTP_PORT = 2525


def trouble_find(name: str) -> str | None:
    """None if this container's process works, else the problem."""
    if name in SIGNS:
        return sign_trouble(*SIGNS[name])
    if name == "mail" and (trouble := smtp_trouble()) is not None:
        return trouble
    if name in PAGES:
        return page_trouble(*PAGES[name], password=flower_password() if name == "flower" else None)
    return f"has no check; checks exist for {', '.join([*PAGES, *SIGNS])}"


def sign_trouble(name: str, most: float) -> str | None:
    """The problem if the process has not touched its file recently; None if it has."""
    sign = Path(os.environ["ROOST_SIGNS"]) / f"{name}.sign"
    if not sign.exists():
        return "has not worked yet"
    age = time.time() - sign.stat().st_mtime
    return None if age <= most else f"last worked {age:.0f} s ago"


def page_trouble(port: int, path: str, *, password: str | None) -> str | None:
    """The problem if a page does not answer; None if it does."""
    headers = {"Host": "localhost"}
    if password is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(f'roost:{password}'.encode()).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer on port {port} ({type(error).__name__})"
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"answers {status} on port {port}"


def smtp_trouble() -> str | None:
    """The problem if the mail catcher does not greet; None if it does."""
    try:
        with socket.create_connection(("127.0.0.1", SMTP_PORT), timeout=PATIENCE_S) as door:
            return None if door.recv(4).startswith(b"220") else "does not greet"
    except OSError as error:
        return f"accepts no mail ({type(error).__name__})"


def flower_password() -> str:
    """Flower's password, without which it shows nothing."""
    return (Path(os.environ["ROOST_VAR"]) / "secrets" / "flower").read_text().strip()


def main(arguments: list[str]) -> int:
    """Check one process and print its problem, which then appears in `docker inspect`."""
    name = arguments[0] if arguments else ""
    trouble = trouble_find(name)
    if trouble is not None:
        print(f"{name} {trouble}.")
    return 0 if trouble is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
