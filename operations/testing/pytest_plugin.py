"""Giving every test process real services before Django reads its settings; see `operations.testing.trial`."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from operations.stack import Stack
from operations.testing.pytest_account import Account, id_make_own, items_choose, slow_first
from operations.testing.pytest_quick import guard_set, is_quick, items_without_services
from operations.testing.trial import VARIABLE, trial_end, trial_environment, trial_start
from web.assets import catalogues_compile

STARTED: list[Stack] = []
WORKER_VARIABLE = "PYTEST_XDIST_WORKER"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Run before all others, because pytest-django loads the settings in this same hook.

    `./roost test` has already started the services; plain pytest starts its own, once for all xdist workers,
    which inherit the environment of the process that starts them.
    """
    if WORKER_VARIABLE not in os.environ:
        catalogues_compile()
    if is_quick():
        guard_set()
        return (yield)
    if VARIABLE not in os.environ and "ROOST_DATABASE_URL" in os.environ:
        # The caller has their own services and named them all.
        return (yield)
    if VARIABLE not in os.environ:
        STARTED.append(trial_start())
        os.environ[VARIABLE] = str(STARTED[0].paths.var)
    worker = os.environ.get(WORKER_VARIABLE, "main")
    try:
        os.environ.update(trial_environment(Path(os.environ[VARIABLE]), worker=worker))
        return (yield)
    except BaseException:
        # If the broker, settings or a conftest cannot be loaded, pytest exits without calling the cleanup hooks.
        started_end()
        raise


def pytest_configure(config: pytest.Config) -> None:
    """Start the accounting in the controlling process."""
    if WORKER_VARIABLE not in os.environ:
        config.pluginmanager.register(Account(), "roost-account")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give every test a unique id."""
    id_make_own(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Limit a second run to the tests that failed in the first, and a quick one to those that need no services."""
    broken = [item for item in items if is_without_fixture(item)]
    yield
    items_choose(config, items)
    if is_quick():
        items_without_services(config, items)
    slow_first(items)
    # Keep these, which will fail, even if `-m` deselects them: otherwise nobody notices a broken long test for weeks.
    items.extend([item for item in broken if item not in items])


def pytest_collection_finish() -> None:
    """Exclude the ten thousand collected tests from garbage collection, which would scan them again and again."""
    gc.collect()
    gc.freeze()


def is_without_fixture(item: pytest.Item) -> bool:
    """Whether a test asks for a fixture that does not exist where it is."""
    if not isinstance(item, pytest.Function):
        return False
    # pytest has no public way to ask this before a test is set up.
    known = item._fixtureinfo.name2fixturedefs  # noqa: SLF001
    return any(name != "request" and name not in known for name in item.fixturenames)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the services in the process that started them."""
    started_end()


def started_end() -> None:
    """Stop the services that this process started, if any."""
    while STARTED:
        trial_end(STARTED.pop())
        del os.environ[VARIABLE]
