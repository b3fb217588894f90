"""A missing value raises one alert while the station reports other values; the next value ends the incident."""

from datetime import timedelta

import pytest
import time_machine
from alerts.made.conftest import SERVER, incidents, look
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.look import rules_look
from fleet.alerts.made.preview import preview_of
from fleet.alerts.made.services import rule_add, rule_pause
from fleet.alerts.models import Incident
from fleet.alerts.models.made import AlertRule, RuleState
from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.core.models import Outage
from fleet.telemetry.rollups import rollups_rebuild

pytestmark = pytest.mark.django_db

MISSING = {"name": "No temperature", "condition": "missing", "high": None, "for_s": 7_200}


@pytest.fixture(autouse=True)
def _ready(smtp, member):
    """Set up a mail server, and somebody to tell."""


@pytest.fixture
def live(send, now):
    """Let values arrive at the minute in which they are measured: `live(station, [180, 120], "battery", "V")`."""

    def take(station, minutes, name="temp", unit="Cel", value=20.0):
        for minute in minutes:
            with time_machine.travel(now - timedelta(minutes=minute), tick=False):
                send(station, {minute: value}, name, unit)

    return take


def test_a_sensor_that_stops_rings_once_and_is_over_with_its_next_value(live, station, make_rule, smtp):
    make_rule(**MISSING, hint="Look at the cable.")
    live(station, [300, 240])
    live(station, range(300, 5, -30), "battery", "V")
    look()
    live(station, [3], "battery", "V")
    look()
    assert smtp.subjects == ["No temperature: SG-RULED"]
    assert "temp: missing since" in (text := smtp.taken[0].get_content())
    assert "though the station reports. Look at the cable." in text
    incident = Incident.objects.get()
    live(station, [2])
    look()
    live(station, [1])
    look()
    assert smtp.subjects[1:] == ["Over: No temperature: SG-RULED"]
    incident.refresh_from_db()
    assert incident.closed_at is not None
    assert "over after" in incident.closing_sentence
    assert RuleState.objects.count() == 0


def test_a_value_that_comes_now_and_then_raises_no_alert(live, station, make_rule):
    make_rule(**MISSING)
    live(station, [300, 200, 100])
    live(station, range(300, 0, -20), "battery", "V")
    look()
    assert incidents() == []


def test_a_silent_station_rings_nothing_here(live, station, make_rule, now):
    make_rule(**MISSING)
    live(station, [400, 300])
    live(station, [400, 300], "battery", "V")
    look()
    live(station, [1])
    look()
    assert incidents() == []


def test_a_backlog_whose_values_come_last_raises_no_alert(live, send, station, make_rule):
    """A station was without a link for eight hours. Its battery values arrive first, its temperatures a while later."""
    make_rule(**MISSING)
    live(station, [600, 500])
    live(station, [600, 500], "battery", "V")
    send(station, dict.fromkeys(range(480, 1, -30), 12.5), "battery", "V")
    look()
    send(station, {1: 12.5}, "battery", "V")
    look()
    assert incidents() == []
    send(station, dict.fromkeys(range(480, 1, -30), 20.0))
    look()
    assert incidents() == []


def test_late_values_that_leave_it_missing_do_not_end_it(live, send, station, make_rule):
    make_rule(**MISSING)
    live(station, [400])
    live(station, range(400, 1, -30), "battery", "V")
    look()
    assert incidents() == [(True, False)]
    send(station, {390: 20.0, 380: 20.0})
    look()
    assert incidents() == [(True, False)]
    send(station, {1: 20.0})
    look()
    assert incidents() == [(False, False)]


def test_values_that_waited_because_we_were_away_are_no_backlog(live, send, station, make_rule, smtp, now):
    make_rule(**MISSING)
    live(station, [400])
    live(station, [400, 370], "battery", "V")
    away = {"started_at": now - timedelta(minutes=350), "ended_at": now - timedelta(minutes=5)}
    Outage.objects.create(name="ingest", **away)
    send(station, dict.fromkeys(range(340, 5, -30), 12.5), "battery", "V")
    look()
    assert smtp.subjects == ["No temperature: SG-RULED"]


def test_a_sensor_removed_before_the_rule_was_made_raises_no_alert(live, station, make_rule, now):
    rule = make_rule(**MISSING)
    AlertRule.objects.filter(pk=rule.pk).update(judged_from=now - timedelta(minutes=200))
    live(station, [300, 250])
    live(station, range(300, 1, -30), "battery", "V")
    look()
    assert incidents() == []


def test_a_pattern_watches_each_series_and_the_unit_chooses(live, station, make_rule):
    make_rule(**MISSING, what="t/*", unit="Cel")
    for name, unit in (("t/box", "Cel"), ("t/roof", "Cel"), ("t/rain", "mm")):
        live(station, [400], name, unit)
    live(station, range(400, 1, -30), "battery", "V")
    look()
    assert RuleState.objects.count() == 2
    assert Incident.objects.count() == 1
    live(station, [0], "t/box")
    look()
    assert incidents() == [(True, False)]
    live(station, [0], "t/roof")
    look()
    assert incidents() == [(False, False)]


def test_a_paused_rule_closes_without_a_message(live, station, make_rule, smtp):
    rule = make_rule(**MISSING)
    live(station, [400])
    live(station, range(400, 1, -30), "battery", "V")
    look()
    rule_pause(actor=SERVER, rule=rule)
    look()
    assert incidents() == [(False, False)]
    assert len(smtp.subjects) == 1


def test_a_rule_for_missing_values_needs_a_time_and_takes_no_limit(organization):
    told = {"name": "None", "subject": "series", "what": "temp", "condition": "missing"}
    for more, field in (({}, "for_s"), ({"for_s": 60}, "for_s"), ({"for_s": 7_200, "high": 3.0}, "high")):
        with pytest.raises(InvalidInput) as refused:
            rule_add(actor=SERVER, organization=organization, draft=RuleDraft(**told, **more), is_sure=True)
        assert refused.value.field == field


def test_the_preview_finds_the_gaps_in_which_the_station_reported(live, send, station, make_rule, now):
    rule = make_rule(**MISSING)
    hours = 60
    send(station, {hour * hours: 20.0 for hour in (30, 29, 20, 19, 18, 1)})
    send(station, {hour * hours: 12.5 for hour in (30, 29, 19, 18, 15, 1)}, "battery", "V")
    rollups_rebuild(settled_s=0)
    found = preview_of(rule, clock.now())
    # From 29 to 20 hours ago, the station was silent, too.
    assert [(row.station.serial, row.number, row.rings_now) for row in found.rows] == [("SG-RULED", 1, False)]
    assert found.rows[0].stretches[0][1] is not None


def test_the_number_of_queries_is_the_same_for_many_stations(live, make_station, make_rule):
    make_rule(**MISSING)

    def queries(prefix, number):
        for place in range(number):
            station = make_station(f"{prefix}{place}")
            live(station, [400])
            live(station, [400, 200, 1], "battery", "V")
        with CaptureQueriesContext(connection) as asked:
            rules_look()
        # Each incident has its own notifications, so only queries of telemetry are counted.
        return sum("telemetry_" in one["sql"] for one in asked.captured_queries)

    assert queries("SG-FEW", 1) == queries("SG-MANY", 6)
    assert Incident.objects.count() == 7
