"""Checking whether each part really works: with a query, a confirm, or a canary task; a process id proves nothing."""

from __future__ import annotations

import importlib
import logging
import os
import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta

import django
import httpx
from django.apps import apps
from django.db import DatabaseError, connections

from operations.instance import Instance
from operations.leftovers import leftovers_find
from operations.paths import Paths
from operations.preparation import ADMIN
from operations.running.process_table import NAMES
from operations.running.supervisor_daemon import State, Supervisor
from operations.settings_env import process_environment, public_host, site_url

#: A pulse older than this means that the process behind it has stopped working.
PULSE_AGE_MOST = timedelta(seconds=15)
#: The clock sends its canary every 15 s; after three missing ones something is wrong.
BEAT_PULSE = "canary.tasks"
BEAT_AGE_MOST = timedelta(seconds=50)
CANARY_SECONDS = 5.0
#: These query the database through the domain, so Django must be loaded for them.
INGEST_NAMES = tuple(process for process in NAMES if process.startswith("ingest"))
CHECKS_OF_THE_DOMAIN = frozenset({*INGEST_NAMES, "tasks", "beat", "relay"})

Check = Callable[[State], str | None]


@dataclass(frozen=True)
class PartHealth:
    """Whether a part works, with a few words on its state or its problem."""

    healthy: bool
    detail: str


@dataclass(frozen=True)
class Admin:
    """The first login, and the path of its password."""

    username: str
    password_file: str


@dataclass(frozen=True)
class StatusReport:
    """The content of `./roost status`."""

    healthy: bool
    services: dict[str, PartHealth]
    urls: dict[str, str]
    admin: Admin | None
    #: Parts that work, but need attention.
    warnings: list[str]

    def as_json(self) -> dict[str, object]:
        """The document printed by `--json`."""
        return asdict(self)


def addresses(instance: Instance) -> dict[str, str]:
    """The URLs of the instance."""
    ports = instance.ports
    return {
        "site": site_url(instance),
        "amqps": f"amqps://{public_host()}:{ports['amqps']}/fleet",
        "management": f"http://127.0.0.1:{ports['management']}",
        "flower": f"http://127.0.0.1:{ports['flower']}",
        "mail": f"http://127.0.0.1:{ports['mail']}",
    }


def domain_load(instance: Instance) -> None:
    """Load Django, so that the domain can be called in this process."""
    if not apps.ready:
        os.environ.update(process_environment(instance))
        django.setup()
        # The report contains all failures; log lines of libraries would only obscure it.
        logging.disable()
        # Import it here: if several checks' threads import it at once, one may see a half-loaded module.
        importlib.import_module("workers.health")


def report_of(paths: Paths) -> StatusReport:
    """The report of `./roost status`. If nothing is running, it creates nothing, not even a folder."""
    states = Supervisor(paths).states() if paths.run.exists() else {}
    if not states and not leftovers_find(paths=paths):
        return StatusReport(healthy=False, services={}, urls={}, admin=None, warnings=[])
    instance = Instance.load(paths)
    domain_load(instance)
    return report_make(instance)


def report_make(instance: Instance) -> StatusReport:
    """Check all parts at the same time."""
    states = Supervisor(instance.paths).states()
    checks = checks_for(instance)
    with ThreadPoolExecutor(len(checks)) as pool:
        found = dict(zip(checks, pool.map(lambda name: health_of(name, checks[name], states), checks), strict=True))
    return StatusReport(
        healthy=all(health.healthy for health in found.values()),
        services=found,
        urls=addresses(instance),
        admin=Admin(ADMIN, str(instance.paths.secrets / "admin_password")),
        warnings=warnings(),
    )


def warnings() -> list[str]:
    """Problems that need attention although every part works; empty if the database cannot be queried."""
    from fleet.telemetry.partitions import partitions_trouble  # noqa: PLC0415 - models exist only once Django is loaded

    try:
        trouble = partitions_trouble()
    except DatabaseError:
        return []
    finally:
        connections.close_all()
    return [] if trouble is None else [trouble]


def health_of(name: str, check: Check, states: dict[str, State]) -> PartHealth:
    """The health of one part. A part that is not running is not checked further."""
    state = states.get(name)
    if not states:
        return unwatched_health(name, check)
    if state is None:
        return PartHealth(healthy=False, detail="is not started; run `./roost up`")
    if state.pid == 0:
        return PartHealth(healthy=False, detail=f"is not running ({state.word.lower()}); see `./roost logs {name}`")
    wrong = check(state)
    if wrong is not None:
        return PartHealth(healthy=False, detail=f"{wrong}; see `./roost logs {name}`")
    return PartHealth(healthy=True, detail=f"works, up for {duration(state.since_seconds)}")


def unwatched_health(name: str, check: Check) -> PartHealth:
    """The health of a part whose supervisor was killed. It may go on for days, but nothing would restart it."""
    wrong = check(State(name=name, word="UNWATCHED", pid=1, since_seconds=int(PULSE_AGE_MOST.total_seconds())))
    if wrong is not None:
        return PartHealth(healthy=False, detail=f"{wrong}; its supervisor was killed; `./roost up` restarts everything")
    return PartHealth(
        healthy=False,
        detail="still works, but its supervisor was killed: `./roost up` restarts everything",
    )


def duration(seconds: int) -> str:
    """A duration as text for people."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def checks_for(instance: Instance) -> dict[str, Check]:
    """The check of each part, by name."""
    ports, secrets = instance.ports, instance.secrets
    return {
        "rabbitmq": lambda _: instance.rabbitmq.check(),
        "postgres": lambda _: instance.postgres.check(),
        "redis": lambda _: instance.redis.check(),
        "site": lambda _: http_check(f"http://127.0.0.1:{ports['site']}/healthz"),
        "live": lambda _: http_check(f"http://127.0.0.1:{ports['live']}/live/healthz"),
        **{name: _pulse_of(name) for name in INGEST_NAMES},
        "tasks": lambda _: canary_check("tasks"),
        "beat": lambda _: pulse_check(BEAT_PULSE, most=BEAT_AGE_MOST),
        "relay": lambda state: pulse_check("relay", most=pulse_age_most(state)),
        "flower": lambda _: http_check(f"http://127.0.0.1:{ports['flower']}/", auth=("roost", secrets["flower"])),
        "mail": lambda _: mail_check(instance),
    }


def _pulse_of(name: str) -> Check:
    return lambda state: pulse_check(name, most=pulse_age_most(state))


def pulse_age_most(state: State) -> timedelta:
    """Maximum age of a pulse. A pulse from before the process started says nothing about it."""
    return min(PULSE_AGE_MOST, timedelta(seconds=state.since_seconds + 1))


def http_check(url: str, *, auth: tuple[str, str] | None = None) -> str | None:
    """None if the URL answers successfully."""
    try:
        answer = httpx.get(url, auth=auth, timeout=4, trust_env=False)
    except httpx.HTTPError as error:
        return f"does not answer at {url} ({type(error).__name__})"
    return None if answer.is_success else f"answers {answer.status_code} at {url}"


def mail_check(instance: Instance) -> str | None:
    """None if the catcher accepts mail and shows it."""
    try:
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=3) as client:
            client.noop()
    except (OSError, smtplib.SMTPException) as error:
        return f"accepts no mail on port {instance.ports['smtp']} ({type(error).__name__})"
    return http_check(f"http://127.0.0.1:{instance.ports['mail']}/")


def pulse_check(name: str, *, most: timedelta) -> str | None:
    """None if the process recently reported that it works."""
    from fleet.core.pulses import pulse_age  # noqa: PLC0415 - models exist only once Django is loaded

    try:
        age = pulse_age(name=name)
    except DatabaseError as error:
        return f"cannot be checked, the database does not answer ({type(error).__name__})"
    finally:
        connections.close_all()
    if age is None:
        return "has not worked yet"
    if age > most:
        return f"last worked {duration(int(age.total_seconds()))} ago"
    return None


def canary_check(queue: str) -> str | None:
    """None if a worker ran a task sent through the queue."""
    from workers.health import canary_roundtrip  # noqa: PLC0415 - tasks exist only once Django is loaded

    try:
        came_back = canary_roundtrip(queue, CANARY_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever breaks on the way is the answer
        return f"accepts no task ({type(error).__name__})"
    finally:
        connections.close_all()
    return None if came_back is not None else f"did not run a task within {CANARY_SECONDS:.0f} s"
