"""The third promise: somebody is told, once, when it matters. A fleet lives for weeks; a ledger checks each message."""

import os
import random
import time

import pytest
from alerts.oracle.ledger import Ledger
from alerts.oracle.stage import Stage
from alerts.oracle.story import story_of
from alerts.oracle.verdict import Verdict
from django.core import mail

from fleet.alerts.models import Notification
from fleet.ingest import pipeline as pipelines

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]
#: The full size is 500 stations and 60 days.
STATIONS = int(os.environ.get("ROOST_ORACLE_STATIONS", "60"))
DAYS = int(os.environ.get("ROOST_ORACLE_DAYS", "20"))


@pytest.fixture(autouse=True)
def _mails_kept(settings):
    """Send mails to Django's outbox."""
    settings.MAIL_TRANSPORT = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """Never split a batch because a busy machine takes long to read a message."""
    monkeypatch.setattr(pipelines, "PORTION", pipelines.PORTION._replace(seconds=3_600.0))


@pytest.fixture
def seed() -> int:
    """ROOST_FAULT_SEED, or a new one; it is printed with every result."""
    return int(os.environ.get("ROOST_FAULT_SEED") or random.SystemRandom().randrange(1, 1_000_000))


@pytest.mark.parametrize("kills", [0.0, 0.1])
def test_everybody_is_told_once_of_what_matters_and_of_nothing_else(seed, kills):
    story = story_of(seed=seed, stations=STATIONS, days=DAYS)
    ledger = Ledger(story).read()
    stage = Stage(story, kills=kills)
    began = time.monotonic()
    stage.play()
    verdict = Verdict(stage, ledger)
    print(f"\n{STATIONS} stations, {DAYS} days, seed {seed}: {stage.looks} looks, {stage.killed} killed,")
    print(f"{sum(len(actor.contacts) for actor in story.actors.values())} contacts, {time.monotonic() - began:.0f} s.")
    print(verdict.table())
    print(verdict.differences())
    assert verdict.expected.total() > 0
    assert len(mail.outbox) == Notification.objects.filter(state="sent").count()
    assert verdict.is_clean, f"ROOST_FAULT_SEED={seed} plays it again"
