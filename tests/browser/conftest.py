"""The site in a real browser: processes and browser start once for a file of tests, static files once for the run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from people import elsewhere, institute, no_counters, operator, owner, stranger, viewer
from playwright.sync_api import Browser, expect, sync_playwright
from site_processes import ROOT, Running, running
from waiting import PATIENCE_S, until

from operations.packages import browser_find

__all__ = ["elsewhere", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]

PASSWORD = "a long password"
expect.set_options(timeout=PATIENCE_S * 1_000)
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def collected(npm, tmp_path_factory) -> Path:
    """Run set-up and `collectstatic`; return the folder of the files that browsers get."""
    root = tmp_path_factory.mktemp("static")
    environment = {**os.environ, "ROOST_STATIC_ROOT": str(root), "DJANGO_SETTINGS_MODULE": "web.settings"}
    for command in (["-m", "web.assets"], ["manage.py", "collectstatic", "--noinput", "-v0"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, timeout=300)
    return root


@pytest.fixture(scope="module")
def standing(django_db_setup, collected) -> Iterator[Running]:
    """Both processes, started once for a file, because a start takes as long as many of the tests."""
    # Little grace, as on a real site: a browser keeps unused connections open, and each stop would wait for them.
    with running(collected, "site", "live", grace_s=3) as made:
        yield made


@pytest.fixture
def processes(transactional_db, standing) -> Iterator[Running]:
    for name in ("site", "live"):
        if name not in standing.processes:
            standing.start(name)
    yield standing
    until(is_idle, "the end of the last request")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Playwright's own event loop makes Django think that it is called from asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=browser_find(), args=_ARGUMENTS)
        yield made
        made.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def browser(transactional_db, chromium) -> Iterator[Browser]:
    """A browser without windows, cookies or files of earlier tests."""
    yield chromium
    for context in chromium.contexts:
        context.close()
    until(is_idle, "the end of the last request")


def is_idle() -> bool:
    """Whether no other process is using this test's database, so that it can be emptied."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state <> 'idle' AND backend_type = 'client backend'"
        )
        return cursor.fetchone()[0] == 0


@pytest.fixture
def person(operator):
    operator.user.set_password(PASSWORD)
    operator.user.save()
    return operator
