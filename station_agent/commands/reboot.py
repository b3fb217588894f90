"""`reboot`: the station reboots, with the command that the configuration names."""

import subprocess

from message_queue.contracts.commands.base import NoParameters
from station_agent.commands.base import NOTE_MOST, OUTPUT_MOST, CommandOutcome, Handler, bounded
from station_agent.station import Station

_SECONDS = 30.0


def _run(station: Station, _parameters: NoParameters) -> CommandOutcome:
    command = station.config.commands.reboot
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, errors="replace")
    except (OSError, subprocess.SubprocessError) as error:
        return CommandOutcome("failed", bounded(f"`{command[0]}` could not be run: {error}.", NOTE_MOST))
    output = bounded(done.stdout + done.stderr, OUTPUT_MOST)
    if done.returncode != 0:
        return CommandOutcome("failed", f"`{command[0]}` ended with code {done.returncode}.", output=output)
    return CommandOutcome("succeeded", "The station is rebooting.", output=output)


HANDLER = Handler(name="reboot", run=_run, repeatable=False)
