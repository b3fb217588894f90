"""A periodic job that ends in an error is noticed by the worker process that ran it, and its next success too."""

import pytest

from fleet.alerts.models import Trouble
from workers import tasks  # noqa: F401 - they register themselves
from workers.celery_app import app

pytestmark = pytest.mark.django_db

NAME = "telemetry.run_retention"


@pytest.fixture(autouse=True)
def _administrator(smtp, django_user_model):
    django_user_model.objects.create_superuser("root", email="root@example.org")


@pytest.fixture
def breaks(monkeypatch):
    """Let retention end in an error, or work."""

    def choose(error):
        def run():
            if error is not None:
                raise error

        monkeypatch.setattr("workers.tasks.telemetry.retention_run", run)

    return choose


def test_an_error_and_the_next_success_are_noticed(smtp, breaks):
    task = app.tasks[NAME]
    breaks(RuntimeError("no partition"))
    assert task.apply().state == "FAILURE"
    assert smtp.subjects == [f"Roost: trouble with the job {NAME}"]
    assert "RuntimeError" in Trouble.objects.get().sentence
    breaks(None)
    assert task.apply().state == "SUCCESS"
    assert smtp.subjects[1:] == [f"Roost: over: trouble with the job {NAME}"]


def test_jobs_that_are_asked_for_are_not_watched(smtp, monkeypatch):
    def fail(**_):
        raise RuntimeError

    monkeypatch.setattr("workers.tasks.core.mail_send", fail)
    assert app.tasks["core.send_mail"].apply(kwargs={"mail_id": 1}).state == "FAILURE"
    assert not Trouble.objects.exists()
