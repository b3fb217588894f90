"""A run without services: it keeps only tests that ask for none. A guard skips any test that uses a service anyway.

A test asks for services through a fixture: `services`, which `stack` and `private_stack` use, or the database.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from operations.instance import Instance
from operations.paths import REPOSITORY, Paths
from operations.services import postgres, rabbitmq, redis
from operations.testing.trial import QUICK_VARIABLE

#: Fixtures that stand for services, ours and pytest-django's.
FIXTURES = {"services", "django_db_setup"}
PORTS = ("amqp", "amqps", "management", "postgres", "redis")
#: Subcommands of `./roost` that start services.
STARTING = {"up", "demo", "test"}


def is_quick() -> bool:
    """Whether this process has no services."""
    return bool(os.environ.get(QUICK_VARIABLE))


def items_without_services(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the tests that ask for no service."""
    config.hook.pytest_deselected(items=[item for item in items if asks_for_services(item)])
    items[:] = [item for item in items if not asks_for_services(item)]


def asks_for_services(item: pytest.Item) -> bool:
    """Whether a test asks for the database or another service, itself or through its fixtures."""
    named = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(FIXTURES & named)


def guard_set() -> None:
    """Skip any test that connects to a service or starts one. Such tests run in the whole run, with services."""
    ports = Instance.load(Paths(Path(os.environ["ROOST_VAR"]))).ports
    sys.addaudithook(lambda event, arguments: look(event, arguments, {ports[name] for name in PORTS}))
    for module, name in ((rabbitmq, "server_find"), (postgres, "binaries_find"), (redis, "server_find")):
        setattr(module, name, refuse)


def look(event: str, arguments: tuple[object, ...], ports: Collection[int]) -> None:
    """Audit hook: skip the test if this event uses a service. No `except Exception` catches pytest's skip."""
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[1] in ports:
            refuse()
    elif event == "subprocess.Popen":
        words = [str(word) for word in arguments[1]] if isinstance(arguments[1], list | tuple) else []
        if words[:1] == [str(REPOSITORY / "roost")] and STARTING & set(words):
            refuse()


def refuse() -> None:
    """Skip the running test. Outside a test do nothing: the connection fails anyway, as nothing listens."""
    if "PYTEST_CURRENT_TEST" in os.environ:
        pytest.skip("needs services, and asks for them by no fixture")
