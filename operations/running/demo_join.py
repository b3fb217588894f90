"""The demo on a Roost that is already running: added beside its real organizations, and removed without a trace."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from operations.errors import OperationsError
from operations.instance import Instance
from operations.paths import Paths
from operations.running import health
from operations.running.demo_plan import ORGANIZATION
from operations.running.display import Display
from operations.running.process_table import DEMO_NAMES, process_programs
from operations.running.supervisor_daemon import Supervisor
from operations.running.up import DEMO_FILE, demo_prepare, demo_stations_running

#: The simulator runs in its own group of the supervisor, so that adding it does not affect other programs.
_GROUP, _PRIORITY, _SIMULATOR = "demo", 40, "fleet"


def demo_join(*, stations: int) -> int:
    """Add the demo's organization and simulated stations; nobody gets mails about them. Return the exit code."""
    paths = Paths.from_environment()
    display, supervisor = Display(), Supervisor(paths)
    with _one_at_a_time(paths, supervisor):
        running = demo_stations_running(paths)
        if running is not None:
            display.say(f"The demo is there already, with {running} stations. `./roost demo --leave` removes it.")
            return 0
        instance = Instance.load(paths)
        health.domain_load(instance)
        with display:
            demo_prepare(display, paths, stations=stations, is_hushed=True)
            (program,) = [
                each for each in process_programs(instance, demo_stations=stations) if each.name == _SIMULATOR
            ]
            supervisor.add(replace(program, group=_GROUP), priority=_PRIORITY)
        display.say(f"Site:      {health.addresses(instance)['site']}")
        display.say(
            f"{ORGANIZATION} and its {stations} stations are there. No mails are sent about them. "
            "`./roost demo --leave` removes them."
        )
    return 0


def demo_leave() -> int:
    """Stop the simulated stations and remove the demo's organization with all its data. Return the exit code."""
    paths = Paths.from_environment()
    display, supervisor = Display(), Supervisor(paths)
    with _one_at_a_time(paths, supervisor):
        health.domain_load(Instance.load(paths))
        from operations.running.demo import demo_remove  # noqa: PLC0415 - models exist only once Django is loaded

        name = "Removing the demo"
        with display, display.step(name):
            for process in DEMO_NAMES:
                supervisor.drop(process)
            (paths.run / DEMO_FILE).unlink(missing_ok=True)
            removed = demo_remove(say=lambda remark: display.progress(name, remark))
        if removed:
            display.say(f"The demo is gone, with its {removed} stations and their data.")
        else:
            display.say("There is no demo; nothing was removed.")
    return 0


@contextmanager
def _one_at_a_time(paths: Paths, supervisor: Supervisor) -> Iterator[None]:
    """Raise `OperationsError` if Roost is not running, or while another terminal adds or removes the demo."""
    if not paths.run.exists() or not supervisor.is_running():
        raise OperationsError("Roost is not running: start it with `./roost up`, or with a demo: `./roost demo`.")
    with (paths.run / "demo.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperationsError("The demo is being added or removed in another terminal: wait for it.") from error
        yield
