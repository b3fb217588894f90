"""The site in a real browser: both processes on the test's database, static files collected once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from people import elsewhere, institute, no_counters, operator, owner, stranger, viewer
from playwright.sync_api import Browser, expect, sync_playwright
from site_processes import ROOT, Running, running
from waiting import PATIENCE_S

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


@pytest.fixture
def processes(transactional_db, collected) -> Iterator[Running]:
    with running(collected, "site", "live") as made:
        yield made


@pytest.fixture
def browser() -> Iterator[Browser]:
    # Playwright's own event loop makes Django think that it is called from asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
        yield made
        made.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def person(operator):
    operator.user.set_password(PASSWORD)
    operator.user.save()
    return operator
