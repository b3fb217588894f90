"""The script that installs the agent on a station, and the line that downloads, checks and runs it."""

import hashlib
import shlex
from functools import cache
from pathlib import Path

from django.conf import settings

from fleet.stations.joining.agent_wheel import agent_wheel

#: The script's name under the site's `/agent/`, and the name it gets on the station.
SCRIPT_NAME = "install.sh"
_FILE = "station-agent.sh"
_SOURCE = Path(__file__).with_name("install_agent.sh")


@cache
def install_script(site: str) -> bytes:
    """The script for the site at this address. It checks the agent by its hash, as the line checks the script."""
    wheel = agent_wheel()
    words = {"@SERVER@": shlex.quote(site), "@WHEEL@": shlex.quote(wheel.name), "@SHA256@": wheel.sha256}
    text = _SOURCE.read_text("utf-8")
    for name, value in words.items():
        text = text.replace(name, value)
    return text.encode()


def install_line(*words: str) -> str:
    """The line to paste at a station. With `words` it also joins the station, as in `install_line("claim")`."""
    site = settings.SITE_URL
    address = shlex.quote(f"{site}/agent/{SCRIPT_NAME}")
    digest = hashlib.sha256(install_script(site)).hexdigest()
    run = shlex.join(["sudo", "sh", _FILE, *words])
    return f'wget -qO {_FILE} {address} && echo "{digest}  {_FILE}" | sha256sum -c - && {run}'
