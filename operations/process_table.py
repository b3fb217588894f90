"""Which processes make up Roost: one list, read by `up`, `status` and `logs`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.programs import INSTANCE_VARIABLE, Program
from operations.settings_env import Login, process_environment

UVICORN = ("-m", "uvicorn", "--host={bind}", "--no-server-header")
CELERY = ("-m", "celery", "-A", "workers.celery_app")
WORKER = (*CELERY, "worker", "--without-gossip", "--without-mingle")


@dataclass(frozen=True)
class Process:
    """One line of the table. Words in braces are filled in from the instance."""

    name: str
    arguments: tuple[str, ...]
    login: Login = "worker"
    environment: Mapping[str, str] = field(default_factory=dict)


PROCESSES = (
    Process(
        "site",
        (*UVICORN, "--port={site}", "--timeout-graceful-shutdown=3", "web.asgi:application"),
        login="site",
    ),
    Process(
        "live",
        (*UVICORN, "--port={live}", "--timeout-graceful-shutdown=1", "sg_status.live:application"),
        login="site",
    ),
    Process(
        "ingest",
        (*WORKER, "-P", "solo", "-n", "ingest-0@roost", "-Q", "ingest.control"),
        environment={"ROOST_INGEST": "1"},
    ),
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
    Process("mail", ("-m", "operations.mailbox")),
)

NAMES = tuple(process.name for process in PROCESSES)


def process_programs(instance: Instance) -> list[Program]:
    """The table filled in for one instance."""
    words = {
        **{name: str(port) for name, port in instance.ports.items()},
        "bind": instance.bind,
        "inner_bind": instance.inner_bind,
        "run": str(instance.paths.run),
        "flower_password": instance.secrets["flower"],
    }
    return [
        Program(
            name=process.name,
            command=(sys.executable, *(argument.format(**words) for argument in process.arguments)),
            environment=process_environment(
                instance,
                login=process.login,
                extra={
                    INSTANCE_VARIABLE: str(instance.paths.var),
                    **{name: value.format(**words) for name, value in process.environment.items()},
                },
            ),
            directory=REPOSITORY,
        )
        for process in PROCESSES
    ]
