"""Fixtures that start a case, and that set its number of messages."""

from collections.abc import Callable

import pytest
from faults.cases import FEW, MANY, Case
from people import elsewhere, english, institute, no_counters, stranger, viewer

__all__ = ["elsewhere", "english", "institute", "no_counters", "stranger", "viewer"]


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.long)])
def messages(request) -> int:
    """Number of messages in a case."""
    return request.param


@pytest.fixture
def case(rig, grants, verdicts, tmp_path) -> Callable[..., Case]:
    """Start a case with the ordinary ingest worker running, whatever the previous case left behind."""

    def begin(
        name: str,
        application: str = "workers.celery_app",
        messages: int = FEW,
        hold_at: float = 1.0,
        number: str = "",
        **environment: str,
    ) -> Case:
        rig.worker_ensure(application, **environment)
        return Case(rig, grants, tmp_path, name, messages, verdicts, hold_at, number)

    return begin
