"""The processes that make up Roost: one list, read by `up`, `status` and `logs`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from operations.instance import Instance
from operations.numbers_from_environment import number_from_environment
from operations.paths import REPOSITORY
from operations.programs import INSTANCE_VARIABLE, Program
from operations.running.demo_plan import SEED, demo_serials
from operations.services.postgres import Login
from operations.settings_env import process_environment

UVICORN = (
    "-m",
    "uvicorn",
    "--host={bind}",
    "--no-server-header",
    # uvicorn's other HTTP parser does not limit headers, and would keep 100 MB of them in memory.
    "--http=h11",
    # `Door` determines the caller behind a proxy, from ROOST_PROXIES.
    "--no-proxy-headers",
    "--ws=none",
)
#: Skip Django's checks, which only help people who change the code. They took a second at each start, and 40 MB for
#: pages that a worker never shows.
CELERY = ("-m", "celery", "-A", "workers.celery_app", "--skip-checks")
WORKER = (*CELERY, "worker", "--without-gossip", "--without-mingle")


@dataclass(frozen=True)
class Process:
    """One line of the table. Words in braces are filled in from the instance."""

    name: str
    arguments: tuple[str, ...]
    login: Login = "worker"
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Runs only in the demo; otherwise its health is not checked.
    is_demo: bool = False


#: Number of parallel ingest workers. One is enough for ten thousand messages a second; more need more cores.
INGEST_WORKERS = int(number_from_environment("ROOST_INGEST_WORKERS", default=1, least=1))
#: The name under which the process reports that it works.
INGEST_NAME = "ROOST_INGEST_NAME"


def _ingest(number: int) -> Process:
    name = "ingest" if number == 0 else f"ingest-{number + 1}"
    return Process(
        name,
        (*WORKER, "-P", "solo", "-n", f"ingest-{number}@roost", "-Q", "ingest.control"),
        environment={"ROOST_INGEST": "1", INGEST_NAME: name},
    )


PROCESSES = (
    Process(
        "site",
        (*UVICORN, "--port={site}", "--timeout-graceful-shutdown=3", "web.asgi:application"),
        login="site",
    ),
    Process(
        "live",
        (*UVICORN, "--port={live}", "--timeout-graceful-shutdown=1", "sg_status.live.main:application"),
        login="site",
    ),
    *(_ingest(number) for number in range(INGEST_WORKERS)),
    Process(
        "tasks",
        (*WORKER, "-P", "prefork", "-c", "2", "-n", "tasks@roost", "-Q", "tasks"),
    ),
    Process("beat", (*CELERY, "beat", "-s", "{run}/beat-schedule", "--pidfile=")),
    Process("relay", ("-m", "workers.relay")),
    Process(
        "flower",
        (*CELERY, "flower", "--address={inner_bind}", "--port={flower}"),
        environment={"FLOWER_BASIC_AUTH": "roost:{flower_password}"},
    ),
    Process("mail", ("-m", "operations.running.mailbox")),
    Process("motus", ("-m", "operations.simulators.motus", "--port={motus}", "--serials={demo_serials}"), is_demo=True),
    Process(
        "fleet",
        ("-m", "station_agent.simulator", "--stations={run}/demo.json", f"--seed={SEED}"),
        is_demo=True,
    ),
)

NAMES = tuple(process.name for process in PROCESSES if not process.is_demo)
DEMO_NAMES = tuple(process.name for process in PROCESSES if process.is_demo)


def watchdog_program(instance: Instance) -> Program:
    """The program that restarts a hanging process, beside the supervisor; a container has its own health check instead."""
    extra = {INSTANCE_VARIABLE: str(instance.paths.var), "ROOST_VAR": str(instance.paths.var)}
    return Program(
        name="watchdog",
        command=(sys.executable, "-m", "operations.running.watchdog"),
        environment=process_environment(instance, extra=extra),
        directory=REPOSITORY,
    )


def process_programs(instance: Instance, *, demo_stations: int = 0) -> list[Program]:
    """The table filled in for one instance, with the demo's programs if it has stations."""
    words = {
        **{name: str(port) for name, port in instance.ports.items()},
        "bind": instance.site_bind,
        "inner_bind": instance.inner_bind,
        "run": str(instance.paths.run),
        "flower_password": instance.secrets["flower"],
        "demo_serials": ",".join(demo_serials(demo_stations)),
    }
    operator = dict(os.environ)
    if demo_stations:
        operator.setdefault("ROOST_MOTUS_URL", f"http://127.0.0.1:{instance.ports['motus']}/api/")
        operator.setdefault("ROOST_MOTUS_STATUS_URL", f"http://127.0.0.1:{instance.ports['motus']}/status2/")
    return [
        Program(
            name=process.name,
            command=(sys.executable, *(argument.format(**words) for argument in process.arguments)),
            environment=process_environment(
                instance,
                login=process.login,
                operator=operator,
                extra={
                    INSTANCE_VARIABLE: str(instance.paths.var),
                    **{name: value.format(**words) for name, value in process.environment.items()},
                },
            ),
            directory=REPOSITORY,
        )
        for process in PROCESSES
        if demo_stations or not process.is_demo
    ]
