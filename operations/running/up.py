"""Starting everything, waiting until it works, and stopping it without leaving anything behind."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from operations import packages, preparation
from operations.certificates import certificates_ensure, hosts_from_environment
from operations.errors import OperationsError
from operations.instance import Instance, bind_from_environment, site_bind_from_environment
from operations.leftovers import leftovers_end, leftovers_find
from operations.paths import Paths
from operations.ports import ports_settle
from operations.programs import Program
from operations.running import health
from operations.running.display import Display
from operations.running.endings import Endings
from operations.running.process_table import DEMO_NAMES, process_programs, watchdog_program
from operations.running.supervisor_daemon import Supervisor, configuration_write
from operations.running.watchdog import patience_from_environment
from operations.secret_files import secrets_read
from operations.services.broker_data import broker_data_trouble
from operations.services.rabbitmq import server_find
from operations.stack import START_S, Service, wait_until
from station_agent.waiting_line import waiting

#: Bytes. RabbitMQ accepts no messages below 1 GB free; half a gigabyte more lasts for a first day.
DISK_NEEDED = 1_500_000_000
#: Seconds before a start counts as hanging; a small computer under load is slow. Exits are reported at once.
HEALTHY_WITHIN_SECONDS = 300.0
DEMO_FILE = "demo.json"
WITHOUT_BROKER = ("site", "live", "mail")


class Interrupted(Exception):
    """Ctrl-C, or a request for this process to end."""


def up(*, detach: bool, assume_yes: bool, demo_stations: int = 0) -> int:
    """Start everything. In the foreground, stay until Ctrl-C. Return the exit code."""
    paths = Paths.from_environment()
    paths.create()
    display = Display()
    supervisor = Supervisor(paths)
    with start_lock(paths) as is_ours:
        if supervisor.is_running() or not is_ours:
            if demo_stations and not (paths.run / DEMO_FILE).exists():
                raise OperationsError(
                    "Roost is already running without the demo: `./roost demo --join` adds it, and `./roost demo --leave` "
                    "removes it again."
                )
            display.say("Roost is already running; `./roost status` shows its state, `./roost down` stops it.")
            addresses_say(display, Instance.load(paths))
            return 0
        packages.tools_ensure(assume_yes=assume_yes)
        disk_check(paths)
        signals_catch()
        try:
            watched = start(display, paths, supervisor, tied_to_us=not detach, demo_stations=demo_stations)
            addresses_say(display, Instance.load(paths))
            if detach:
                return 0
            display.say("Press Ctrl-C to stop everything.")
            watch(display, watched)
        except Interrupted:
            signals_ignore()
            display.say("Stopping everything …")
        except BaseException:
            signals_ignore()
            supervisor.end()
            raise
        supervisor.end()
        display.say("Everything has been stopped.")
        return 0


def demo_stations_running(paths: Paths) -> int | None:
    """The number of stations in the running demo; None if none is running."""
    file = paths.run / DEMO_FILE
    if not file.exists() or not Supervisor(paths).is_running():
        return None
    return len(json.loads(file.read_text()))


def watch(display: Display, watched: subprocess.Popen[bytes]) -> None:
    """Wait until supervisord has exited, and say why."""
    if watched.wait() != 0:
        raise OperationsError(
            "The supervisor was killed; its processes have been stopped. `./roost up` starts everything again."
        )
    display.say("Roost was stopped by `./roost down`.")


def down() -> int:
    """Stop everything of this instance, including leftovers of a crash."""
    paths = Paths.from_environment()
    supervisor = Supervisor(paths)
    was_running = supervisor.is_running()
    with waiting("Stopping everything …"):
        forced = supervisor.end() if was_running else leftovers_end(paths=paths)
    if not was_running and not forced:
        print("Roost is not running; there is nothing to stop.")
        return 0
    if leftovers_find(paths=paths):
        raise OperationsError(f"Some processes of {paths.var} could not be stopped: they belong to another user.")
    print("Everything has been stopped." if was_running else f"{forced} processes left by a crash have been stopped.")
    return 0


@contextmanager
def start_lock(paths: Paths) -> Iterator[bool]:
    """A lock held during a start, and while it stays in the foreground."""
    with paths.up_lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            os.set_inheritable(file.fileno(), False)
            yield True


def disk_check(paths: Paths) -> None:
    """Refuse to start if the disk would fill within the first hour."""
    free = shutil.disk_usage(paths.var).free
    if free < DISK_NEEDED:
        raise OperationsError(
            f"The disk that holds {paths.var} has only {free / 1e9:.1f} GB free and Roost needs "
            f"{DISK_NEEDED / 1e9:.1f} GB: free some space, or name a folder on another disk with ROOST_VAR."
        )


def signals_catch() -> None:
    """Turn both stop signals into one exception, raised wherever the start happens to be."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    for wish in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wish, interrupt)


def signals_ignore() -> None:
    """Ignore a second Ctrl-C, which could otherwise leave half of Roost running."""
    for wish in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wish, signal.SIG_IGN)


def start(
    display: Display, paths: Paths, supervisor: Supervisor, *, tied_to_us: bool, demo_stations: int
) -> subprocess.Popen[bytes]:
    """Start everything, step by step.

    1. clear leftovers of a crash; determine ports, secrets and certificates
    2. start the three services under the supervisor
    3. while the broker boots: database, migrations, static files, the first administrator
    4. start Roost's processes
    5. wait until every part works
    6. in the demo: the stations
    """
    # Only the watchdog reads this setting, and it starts last: report a bad value now.
    patience_from_environment()
    instance = instance_settle(display, paths)
    # Check before anything is written, so that the data can still be migrated.
    trouble = broker_data_trouble(data=instance.rabbitmq.home / "data", server=server_find())
    if trouble is not None:
        raise OperationsError(trouble)
    endings = Endings(supervisor, paths)
    with display:
        with display.step("Configuration"):
            for service in services(instance):
                service.prepare()
            ground = [program for service in services(instance) for program in service.programs()]
            programs = process_programs(instance, demo_stations=demo_stations)
            processes = [program for program in programs if program.name not in DEMO_NAMES]
            watchdog = watchdog_program(instance)
            configuration_write(paths=paths, programs=[*ground, *programs, watchdog])
            watched = supervisor.launch(tied_to_us=tied_to_us)
            supervisor.start(ground)
        with display.step("Database"):
            service_wait(instance.postgres, endings, seconds=START_S, what="PostgreSQL")
            instance.postgres.roles_apply()
            preparation.database_migrate(instance)
        with display.step("Pages"):
            preparation.pages_build(instance)
        # While the broker boots on one core, do the work that needs no broker on the other.
        supervisor.start([process for process in processes if process.name in WITHOUT_BROKER])
        with display.step("Message broker"):
            service_wait(instance.rabbitmq, endings, seconds=START_S, what="RabbitMQ")
        supervisor.start(processes)
        healthy_wait(display, instance, watched, processes, endings)
        supervisor.start([watchdog])
        if demo_stations:
            demo_prepare(display, paths, stations=demo_stations)
            supervisor.start([program for program in programs if program.name in DEMO_NAMES])
    return watched


def instance_settle(display: Display, paths: Paths) -> Instance:
    """Clear leftovers of a crash, then determine everything that is fixed before the first process starts."""
    (paths.run / DEMO_FILE).unlink(missing_ok=True)
    if leftovers_end(paths=paths):
        display.say("Processes left by an earlier start have been stopped.")
    _, remarks = ports_settle(paths=paths, binds=binds())
    for remark in remarks:
        display.say(remark)
    secrets_read(folder=paths.secrets)
    certificates_ensure(folder=paths.tls, hosts=hosts_from_environment())
    return Instance.load(paths)


def binds() -> dict[str, str]:
    """Listening addresses of the ports that can be opened beyond this machine."""
    site = site_bind_from_environment()
    return {"amqps": bind_from_environment(), "site": site, "live": site}


def demo_prepare(display: Display, paths: Paths, *, stations: int, is_hushed: bool = False) -> None:
    """Enrol the demo's stations, and give them a past if they are new."""
    from operations.running.demo import demo_fleet_write  # noqa: PLC0415 - models exist only once Django is loaded

    name = f"Demo with {stations} stations"
    with display.step(name):
        demo_fleet_write(
            paths.run / DEMO_FILE,
            stations=stations,
            say=lambda remark: display.progress(name, remark),
            is_hushed=is_hushed,
        )


def services(instance: Instance) -> tuple[Service, ...]:
    """The three servers."""
    return (instance.rabbitmq, instance.postgres, instance.redis)


def service_wait(service: Service, endings: Endings, *, seconds: float, what: str) -> None:
    """Wait until a server answers, or until it is clear that it, or another one, cannot start."""

    def look() -> str | None:
        endings.look()
        return service.check()

    wait_until(look, seconds=seconds, what=what, log=service.paths.logs / f"{service.name}.log")


def healthy_wait(
    display: Display,
    instance: Instance,
    watched: subprocess.Popen[bytes],
    processes: list[Program],
    endings: Endings,
) -> None:
    """Show each part as it begins to work. On a timeout, raise an error that names those that did not."""
    for process in processes:
        display.begin(process.name)
    health.domain_load(instance)
    deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
    done: set[str] = set()
    while True:
        report = health.report_make(instance)
        for name, found in report.services.items():
            if found.healthy and name not in done:
                done.add(name)
                display.finish(name, "works")
        if report.healthy:
            return
        endings.look()
        if watched.poll() is not None:
            raise OperationsError(f"The supervisor has exited: see {instance.paths.logs / 'supervisord.log'}.")
        if time.monotonic() > deadline:
            raise OperationsError(
                " ".join(f"{name} {found.detail}." for name, found in report.services.items() if not found.healthy)
            )
        time.sleep(0.5)


def addresses_say(display: Display, instance: Instance) -> None:
    """Print the URLs, the login and the logs' location."""
    where = health.addresses(instance)
    password = password_file(instance.paths)
    display.say(f"Site:      {where['site']}")
    display.say(f"Login:     admin, password in {password}")
    display.say(f"Mail:      {where['mail']}")
    display.say(f"Stations:  {where['amqps']}")
    display.say(f"Broker:    {where['management']} (user provisioner, {instance.paths.secrets / 'broker_provisioner'})")
    display.say(f"Jobs:      {where['flower']} (user roost, {instance.paths.secrets / 'flower'})")
    display.say(f"Logs:      {instance.paths.logs}")


def password_file(paths: Paths) -> Path:
    """The path of the first administrator's password."""
    return paths.secrets / "admin_password"
