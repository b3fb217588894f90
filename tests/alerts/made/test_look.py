"""Rules that people make raise one alert, when it matters, by the stations' clocks."""

import random
import re
from datetime import timedelta

import pytest
from alerts.made.conftest import SERVER, incidents, look
from django.db import connection

from fleet.alerts.made import look as looks
from fleet.alerts.made.conditions.base import JudgedValue, Limits
from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.judge import judge
from fleet.alerts.made.services import rule_change, rule_delete, rule_pause, rule_resume
from fleet.alerts.models import Incident, Trouble
from fleet.alerts.models.made import RuleNote, RuleState
from fleet.core import clock
from fleet.core.models import Outage
from fleet.stations.models import Station
from fleet.stations.sorting.device_models import model_create, station_model_set
from fleet.stations.sorting.groups import group_create, group_member_set
from fleet.stations.sorting.tags import station_tags_set

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, member):
    """Set up a mail server, and somebody to tell."""


def test_a_rule_rings_once_and_tells_when_it_is_over(send, station, make_rule, smtp):
    make_rule(clear_high=28.0, hint="Open the box.", severity="severe")
    send(station, {9: 25.0, 8: 30.0})
    look()
    assert incidents() == []
    send(station, {7: 31.0})
    send(station, {6: 32.5, 5: 29.0})
    look()
    look()
    assert smtp.subjects == ["Too hot: SG-RULED"]
    text = smtp.taken[0].get_content()
    assert "temp: above 30 °C since" in text
    assert "last at 32.5 °C. Open the box." in text
    incident = Incident.objects.get()
    assert (incident.title, incident.severity, incident.is_found_later) == ("Too hot", "severe", False)
    # Between the two limits nothing changes; beyond the limit again, it is still the same incident.
    send(station, {4: 29.5, 3: 33.0})
    look()
    assert incidents() == [(True, False)]
    send(station, {2: 27.0})
    look()
    send(station, {1: 26.0})
    look()
    assert smtp.subjects == ["Too hot: SG-RULED", "Over: Too hot: SG-RULED"]
    assert incidents() == [(False, False)]
    assert RuleState.objects.count() == 0
    assert RuleNote.objects.count() == 0


def test_a_reading_three_days_late_raises_no_alert_but_is_recorded(send, station, make_rule, smtp, now):
    make_rule()
    days = 3 * 24 * 60
    send(station, {days + 10: 20.0, days - 10: 20.0, 5: 20.0})
    look()
    send(station, {days: 35.0})
    look()
    assert smtp.taken == []
    assert incidents() == [(False, True)]
    past = Incident.objects.get()
    assert past.began_at == now - timedelta(minutes=days)
    assert past.closed_at == now - timedelta(minutes=days - 10)
    assert "Found later" in past.sentence
    # More values of that hour arrive and it is judged again: the incident already exists.
    send(station, {days - 1: 34.0})
    send(station, {days - 12: 20.0})
    look()
    assert incidents() == [(False, True)]
    assert RuleState.objects.count() == 0


def test_a_lone_late_reading_raises_no_alert_even_if_it_is_the_newest(send, station, make_rule, smtp):
    make_rule()
    send(station, {3 * 24 * 60: 35.0})
    look()
    assert smtp.taken == []
    assert incidents() == [(False, True)]


def test_a_backlog_that_ends_beyond_the_limit_is_one_incident_that_rings_at_its_end(send, station, make_rule, smtp):
    """A station comes back and sends two days of heat, the oldest first, in three parts; it is still hot."""
    make_rule()
    for part in ({2_880: 20.0, 2_860: 33.0}, {1_000: 34.0, 500: 35.0}, {400: 29.0, 390: 31.0, 2: 36.0}):
        send(station, part)
        look()
    assert incidents() == [(False, True), (True, False)]
    assert smtp.subjects == ["Too hot: SG-RULED"]
    send(station, {1: 20.0})
    look()
    assert incidents() == [(False, True), (False, False)]
    assert len(smtp.taken) == 2


def test_a_condition_must_hold_for_long_enough(send, station, make_rule, smtp):
    make_rule(for_s=600)
    send(station, {30: 31.0, 25: 31.0})
    look()
    assert RuleState.objects.get().phase == "pending"
    send(station, {24: 29.0})
    look()
    assert RuleState.objects.count() == 0
    for minutes in (20, 15, 11):
        send(station, {minutes: 31.0})
        look()
        assert smtp.taken == []
    send(station, {10: 31.0})
    look()
    assert smtp.subjects == ["Too hot: SG-RULED"]


def test_what_was_over_when_it_came_is_written_down_and_nobody_is_told(send, station, make_rule, smtp):
    make_rule()
    send(station, {9: 20.0, 8: 35.0, 7: 20.0})
    look()
    assert smtp.taken == []
    assert incidents() == [(False, True)]


def test_our_own_downtime_counts_for_nothing(send, station, make_rule, smtp, now):
    """A value that is three hours old is late, unless Roost itself was down for most of that time."""
    make_rule()
    Outage.objects.create(name="ingest", started_at=now - timedelta(minutes=175), ended_at=now - timedelta(minutes=5))
    send(station, {180: 35.0})
    look()
    assert smtp.subjects == ["Too hot: SG-RULED"]


def test_a_slow_station_may_be_late(send, station, make_rule, smtp):
    make_rule()
    Station.objects.filter(pk=station.pk).update(operator_interval_s=3 * 3_600)
    send(station, {180: 35.0})
    station.contact.__class__.objects.filter(station=station).update(announced_interval_s=None)
    look()
    assert smtp.subjects == ["Too hot: SG-RULED"]


def test_the_nearest_rule_of_a_name_holds(send, make_station, make_rule, organization):
    stations = [make_station(f"SG-{name}") for name in ("ALL", "MODEL", "TAG", "GROUP", "ONE")]
    model = model_create(actor=SERVER, organization=organization, name="Owl")
    group = group_create(actor=SERVER, organization=organization, name="Lab")
    for place, one in enumerate(stations):
        if place >= 1:
            station_model_set(actor=SERVER, station=one, model=model)
        if place >= 2:
            station_tags_set(actor=SERVER, station=one, names=["roof"])
        if place >= 3:
            group_member_set(actor=SERVER, group=group, station=one, is_member=True)
    make_rule()
    make_rule(scope="model", of="owl", high=40.0)
    make_rule(scope="tag", of="roof", high=50.0)
    make_rule(scope="group", of="lab", high=60.0)
    make_rule(scope="station", of="sg-one", high=70.0, name="too HOT")

    def ringing():
        found = Incident.objects.filter(closed_at=None).values_list("station__serial", flat=True)
        return sorted(serial.removeprefix("SG-") for serial in found)

    for minutes, value in ((9, 35.0), (8, 45.0), (7, 55.0), (6, 65.0), (5, 75.0)):
        for one in stations:
            send(one, {minutes: value})
        look()
        assert len(ringing()) == 10 - minutes
    # A rule with another name raises an incident of its own.
    make_rule(name="Boiling", high=70.0)
    send(stations[0], {4: 76.0})
    look()
    assert ringing() == ["ALL", "ALL", "GROUP", "MODEL", "ONE", "TAG"]
    # A station leaves the group: the incident of the group's rule is closed without a message.
    group_member_set(actor=SERVER, group=group, station=stations[3], is_member=False)
    before = Incident.objects.count()
    look()
    assert ringing() == ["ALL", "ALL", "MODEL", "ONE", "TAG"]
    assert Incident.objects.count() == before


def test_rules_hold_within_their_organization(send, make_organization, make_station, make_rule, station):
    other = make_organization("Elsewhere")
    make_rule(of_organization=other)
    send(station, {5: 35.0})
    look()
    assert incidents() == []
    send(make_station("SG-THERE", of=other), {5: 35.0})
    look()
    assert incidents() == [(True, False)]


def test_pausing_changing_and_deleting_close_without_a_message(send, station, make_rule, smtp, now):
    rule = make_rule(unit="Cel")
    send(station, {9: 35.0})
    look()
    rule_pause(actor=SERVER, rule=rule)
    assert incidents() == [(False, False)]
    send(station, {8: 35.0})
    look()
    rule_resume(actor=SERVER, rule=rule)
    send(station, {7: 35.0})
    look()
    # Measured before it was resumed.
    assert incidents() == [(False, False)]
    rule.__class__.objects.filter(pk=rule.pk).update(judged_from=now - timedelta(minutes=6))
    send(station, {5: 35.0})
    look()
    assert incidents() == [(False, False), (True, False)]
    same = {"name": "Too hot", "subject": "series", "what": "temp", "condition": "above", "unit": "Cel"}
    rule = rule_change(actor=SERVER, rule=rule, draft=RuleDraft(**same, high=30.0, hint="Look."), is_sure=True)
    assert incidents() == [(False, False), (True, False)]
    rule = rule_change(actor=SERVER, rule=rule, draft=RuleDraft(**same, high=31.0), is_sure=True)
    assert incidents() == [(False, False), (False, False)]
    rule_delete(actor=SERVER, rule=rule)
    assert len(smtp.taken) == 2
    assert not any(subject.startswith("Over") for subject in smtp.subjects)


def test_a_station_in_maintenance_raises_no_alert(send, station, make_rule, smtp):
    make_rule()
    send(station, {9: 35.0})
    look()
    Station.objects.filter(pk=station.pk).update(is_in_maintenance=True)
    send(station, {8: 36.0})
    look()
    assert incidents() == [(False, False)]
    assert len(smtp.taken) == 1


def test_limits_in_another_unit_and_names_with_stars(send, station, make_rule):
    make_rule(what="temp*", unit="K", high=303.15)
    send(station, {9: 30.0}, name="temp_in")
    send(station, {9: 99.0}, name="temperament", unit="V")
    look()
    assert incidents() == []
    send(station, {8: 30.5}, name="temp_in")
    send(station, {8: 31.5}, name="temp_out")
    look()
    assert incidents() == [(True, False)]
    # Both series are above the limit at the same moment; one incident of the station names one of them.
    assert re.search("temp_in: .*303.65\u00a0K|temp_out: .*304.65\u00a0K", Incident.objects.get().sentence)
    # Two series of a station share one incident, which ends when both are clear.
    send(station, {7: 20.0}, name="temp_in")
    look()
    assert incidents() == [(True, False)]
    send(station, {7: 20.0}, name="temp_out")
    look()
    assert incidents() == [(False, False)]


def test_a_sensor_that_is_stuck_and_one_that_jumps(send, make_station, make_rule):
    stuck, jumping = make_station("SG-STUCK"), make_station("SG-JUMPS")
    make_rule(name="Stuck", condition="flat", high=0.0, within_s=1_800)
    make_rule(name="Jumps", condition="changing", high=5.0, within_s=600)
    for minutes in range(45, 0, -5):
        send(stuck, {minutes: 20.0 if minutes < 40 else 20.5})
        send(jumping, {minutes: 20.0 + minutes / 10})
        look()
    assert incidents(stuck) == [(True, False)]
    assert incidents(jumping) == []
    send(jumping, {0: 29.0})
    send(stuck, {0: 20.1})
    look()
    assert incidents(stuck) == [(False, False)]
    assert incidents(jumping) == [(True, False)]


def test_what_cannot_be_judged_is_told_to_the_administrators_only_and_judged_later(
    send, station, make_rule, smtp, monkeypatch
):
    make_rule()
    send(station, {5: 35.0})

    def fail(*_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with monkeypatch.context() as broken:
        broken.setattr(looks, "candidates_find", fail)
        look()
    assert Trouble.objects.get(ended_at=None).about == looks.ABOUT
    assert smtp.taken == []
    assert incidents() == []
    look()
    assert not Trouble.objects.filter(ended_at=None).exists()
    assert smtp.subjects == ["Too hot: SG-RULED"]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_order_old_values_come_in_the_same_past_is_written_down(send, station, make_rule, now, seed):
    """Two hundred old values arrive shuffled, in parts judged one by one: they show the same episodes as in order."""
    dice = random.Random(seed)
    hold = dice.choice([0, 0, 900])
    make_rule(clear_high=27.0, for_s=hold)
    start = 5 * 24 * 60
    values = {}
    level = 25.0
    for step in range(200):
        level += dice.uniform(-3, 3) + (26.0 - level) * 0.1
        values[start - step * dice.choice([5, 7]) - step] = round(level, 1)
    values[0] = 20.0
    send(station, {0: 20.0})
    look()
    order = [minutes for minutes in values if minutes]
    dice.shuffle(order)
    for begin in range(0, len(order), 25):
        send(station, {minutes: values[minutes] for minutes in order[begin : begin + 25]})
        look()
    whole = [JudgedValue(now - timedelta(minutes=minutes), value) for minutes, value in values.items()]
    verdict = judge(sorted(whole), Limits(high=30.0, clear_high=27.0), hold=timedelta(seconds=hold))
    expected = [(one.began_at, one.ended_at) for one in verdict.episodes]
    found = list(Incident.objects.order_by("began_at").values_list("began_at", "closed_at"))
    # An episode found early may be longer than the true one, because values within it came later; none is missed.
    assert expected
    for began_at, ended_at in expected:
        assert any(first <= began_at and last >= (ended_at or began_at) for first, last in found), (began_at, found)
    assert all(later for _open, later in incidents())
    assert clock.now() > now


def test_values_that_are_not_believed_are_not_judged(send, station, make_rule):
    """One value is from a clock that is ten hours ahead."""
    make_rule()
    send(station, {-600: 35.0, 5: 20.0})
    look()
    assert incidents() == []


def test_more_than_20_episodes_at_once_are_joined(send, station, make_rule, now):
    make_rule()
    start = 3 * 24 * 60
    send(station, {start - step: 35.0 if step % 2 else 20.0 for step in range(60)} | {1: 20.0})
    look()
    assert len(incidents()) == 20
    assert Incident.objects.latest("closed_at").closed_at == now - timedelta(minutes=1)


def test_a_stretch_of_the_past_that_goes_on_is_one_incident(send, station, make_rule, smtp):
    make_rule()
    send(station, {600: 20.0, 590: 35.0})
    look()
    assert incidents() == [(False, True)]
    send(station, {300: 35.0})
    look()
    assert incidents() == [(False, True)]
    assert smtp.taken == []
    send(station, {1: 36.0})
    look()
    assert incidents() == [(True, False)]
    assert smtp.subjects == ["Too hot: SG-RULED"]
