"""Opening a page of the running Roost in a browser, or printing its address where there is none."""

from __future__ import annotations

import os
import sys
import webbrowser

from operations.errors import OperationsError, WrongUse
from operations.instance import Instance
from operations.paths import Paths
from operations.running import health
from operations.running.supervisor_daemon import Supervisor
from station_agent.errors import similar_say

#: Names of the pages, as `up` and `status` print them; the first is the default.
PAGES = ("site", "mail", "jobs", "broker")
_KEYS = {"site": "site", "mail": "mail", "jobs": "flower", "broker": "management"}
#: If one of these variables is set, there is a screen. Without a screen, a text browser would take over the terminal.
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")


def page_open(what: str) -> int:
    """Open a page and print its address. Return the exit code."""
    if what not in PAGES:
        raise WrongUse(f"There is no page {what!r}.{similar_say(what, PAGES)} Choose one of {', '.join(PAGES)}.")
    paths = Paths.from_environment()
    if not paths.run.exists() or not Supervisor(paths).is_running():
        raise OperationsError("Roost is not running: start it with `./roost up`, then open it.")
    address = health.addresses(Instance.load(paths))[_KEYS[what]]
    print(address)
    if sys.platform == "darwin" or any(os.environ.get(name) for name in _SCREENS):
        webbrowser.open(address)
    return 0
