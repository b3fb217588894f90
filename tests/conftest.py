"""Fixtures for every test: the services that this run shares, or private services to break."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from emptying import emptying_install
from faults.fixtures import (  # noqa: F401 - fixtures for the tests of faults and of isolation
    cluster_grants,
    cluster_rig,
    grants,
    rig,
    verdicts,
    versions,
)
from hypothesis import HealthCheck, settings
from migrated import migrated_database

from operations.instance import Instance
from operations.paths import Paths
from operations.preparation import npm_folder
from operations.stack import Stack
from operations.testing.pytest_quick import is_quick
from operations.testing.trial import VARIABLE

# Machines are shared and slow at times, and these tests are not about how fast an example is generated.
settings.register_profile("roost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("roost")

# Nobody attacks these passwords; hashing them at real cost took a tenth of the run.
PBKDF2PasswordHasher.iterations = 1_000

emptying_install()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix) -> None:
    """Let pytest-django copy the database that one process of this run has migrated."""
    if VARIABLE in os.environ:
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_database(Path(os.environ[VARIABLE]))


@pytest.fixture(scope="session")
def services() -> None:
    """Request this in a test that starts or reaches services itself: a quick run leaves such tests out."""


@pytest.fixture(scope="session")
def npm() -> None:
    """Request this in a test that runs npm: it is installed if the machine has none, except in a quick run."""
    if shutil.which("npm") is None:
        if is_quick():
            pytest.skip("needs npm, and a quick run installs nothing")
        os.environ["PATH"] = os.pathsep.join((str(npm_folder()), os.environ["PATH"]))


@pytest.fixture(scope="session")
def stack(services) -> Instance:
    """The services that this whole run shares. Never stop or kill them: use `private_stack` for that."""
    return Instance.load(Paths(Path(os.environ[VARIABLE])))


@pytest.fixture(scope="module")
def private_stack(services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Stack]]:
    """Start private services that a test may kill; they are removed at the end of the module."""
    made: list[Stack] = []

    def make() -> Stack:
        made.append(Stack(tmp_path_factory.mktemp("stack")))
        return made[-1].start()

    yield make
    for each in made:
        each.discard()
