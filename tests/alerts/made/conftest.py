"""Readings that arrive through the pipeline, rules, and one run of the judge."""

import json
from datetime import timedelta

import pytest
from alerts.conftest import (  # noqa: F401 - fixtures
    hear,
    listening,
    make_member,
    make_organization,
    make_station,
    member,
    organization,
    smtp,
)

from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.look import rules_look
from fleet.alerts.made.services import rule_add
from fleet.alerts.models import Incident
from fleet.alerts.models.made import AlertRule
from fleet.alerts.sending.sending import notifications_send
from fleet.core import clock
from fleet.ingest import pipeline as pipelines
from fleet.ingest.delivery import Delivery
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.access import viewer_of_server

SERVER = viewer_of_server("test")


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """Never split a batch because a busy machine takes long to read a message."""
    monkeypatch.setattr(pipelines, "PORTION", pipelines.PORTION._replace(seconds=3_600.0))


@pytest.fixture
def now():
    """One moment for the whole test: the current minute."""
    return clock.now().replace(second=0, microsecond=0)


@pytest.fixture
def station(make_station):  # noqa: F811 - a fixture
    return make_station("SG-RULED")


@pytest.fixture
def send(now):
    """Let values arrive, by the minutes since they were measured: `send(station, {5: 31.0})`."""
    pipeline = Pipeline()

    def take(station, values, name="temp", unit="Cel"):
        records = [
            {"n": name, "u": unit, "v": value, "t": (now - timedelta(minutes=minutes)).timestamp()}
            for minutes, value in values.items()
        ]
        properties = {"type": "readings", "application_headers": {"v": 1}}
        outcome = pipeline.take(
            [Delivery(f"in.{station.serial}", "readings", properties, json.dumps(records).encode())]
        )
        assert outcome.quarantined == 0
        pipeline.forget()

    return take


@pytest.fixture
def make_rule(organization):  # noqa: F811 - a fixture
    """Make a rule that judges the readings of the last 60 days."""

    def make(of_organization=None, **fields) -> AlertRule:
        told = {"name": "Too hot", "subject": "series", "what": "temp", "condition": "above", "high": 30.0} | fields
        rule = rule_add(
            actor=SERVER, organization=of_organization or organization, draft=RuleDraft(**told), is_sure=True
        )
        AlertRule.objects.filter(pk=rule.pk).update(judged_from=clock.now() - timedelta(days=60))
        rule.refresh_from_db()
        return rule

    return make


def look() -> None:
    """Judge the new readings, and send the mails that are due."""
    rules_look()
    notifications_send(channel="mail")


def incidents(station=None) -> list[tuple[bool, bool]]:
    """For each incident, oldest first: whether it is open, and whether it was found later."""
    found = Incident.objects.order_by("began_at", "pk")
    rows = found.filter(station=station) if station else found
    return [(closed is None, later) for closed, later in rows.values_list("closed_at", "is_found_later")]
