"""How the cases begin, and how many messages they have."""

import os
from collections.abc import Callable

import pytest
from faults.cases import Case

#: Messages of a case in the normal run, and in `./roost test --long`.
FEW, MANY = int(os.environ.get("ROOST_FAULT_MESSAGES", "20000")), 100_000


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.long)])
def messages(request) -> int:
    """How many messages a case has."""
    return request.param


@pytest.fixture
def case(rig, grants, verdicts, tmp_path, messages) -> Callable[..., Case]:
    """Begins a case with the ordinary ingest worker, which must be there whatever the case before left."""

    def begin(name: str, application: str = "workers.celery_app", **environment: str) -> Case:
        rig.worker_ensure(application, **environment)
        return Case(rig, grants, tmp_path, name, messages, verdicts)

    return begin
