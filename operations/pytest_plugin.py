"""Gives every test process real services before Django reads its settings; see `operations.trial`."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from operations.pytest_account import Account, id_make_own, items_choose
from operations.stack import Stack
from operations.trial import VARIABLE, trial_end, trial_environment, trial_start

STARTED: list[Stack] = []
WORKER_VARIABLE = "PYTEST_XDIST_WORKER"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Before everybody else, as pytest-django loads the settings in this very hook.

    `./roost test` has started the services; plain pytest starts its own, once for all xdist workers,
    which inherit the environment of the process that starts them.
    """
    if VARIABLE not in os.environ and "ROOST_DATABASE_URL" in os.environ:
        # Somebody has services of his own and named them all.
        return (yield)
    if VARIABLE not in os.environ:
        STARTED.append(trial_start())
        os.environ[VARIABLE] = str(STARTED[0].paths.var)
    worker = os.environ.get(WORKER_VARIABLE, "main")
    os.environ.update(trial_environment(Path(os.environ[VARIABLE]), worker=worker))
    try:
        return (yield)
    except BaseException:
        # Settings or a conftest that cannot be loaded: pytest ends without asking anybody to tidy up.
        started_end()
        raise


def pytest_configure(config: pytest.Config) -> None:
    """The process that leads the run keeps the account."""
    if WORKER_VARIABLE not in os.environ:
        config.pluginmanager.register(Account(), "roost-account")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Every test has an id of its own."""
    id_make_own(item)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A second run is about the tests that failed in the first."""
    items_choose(config, items)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """The process that started the services ends them."""
    started_end()


def started_end() -> None:
    """End the services that this process started, if it did."""
    while STARTED:
        trial_end(STARTED.pop())
        del os.environ[VARIABLE]
