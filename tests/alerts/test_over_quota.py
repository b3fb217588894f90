"""Messages that wait long for a quota raise one alert, but none while the station is suspended."""

from datetime import timedelta

import pytest
from alerts.held import held_make, sweep_and_send

from fleet.alerts.models import Incident
from fleet.alerts.rules.over_quota import find, over
from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


def waiting_make(station, count, *, ago=timedelta(minutes=11), reason="over-quota", **fields):
    held_make(station, count, ago=ago, reason=reason, **fields)


def test_one_mail_when_messages_wait_long_and_one_when_none_does(smtp, member, make_station):
    station = make_station("SG-5113BBBK2972", name="Old Cut")
    waiting_make(station, 9, ago=timedelta(minutes=9))
    assert sweep_and_send() == (0, 0), "so far it may only be a burst"
    waiting_make(station, 1_200)
    for _ in range(3):
        sweep_and_send()
    incident = Incident.objects.get()
    assert smtp.subjects == ["Over its quota: Old Cut (SG-5113BBBK2972)"]
    assert "1\u202f209 of its messages are waiting" in incident.sentence
    assert incident.opened_at - incident.began_at > timedelta(minutes=10)
    QuarantinedMessage.objects.filter(received_at__lt=clock.now() - timedelta(minutes=10)).update(state="replayed")
    assert sweep_and_send() == (0, 0), "nine are still waiting"
    QuarantinedMessage.objects.update(state="replayed")
    for _ in range(3):
        sweep_and_send()
    assert smtp.subjects[1:] == ["Within its quota again: Old Cut (SG-5113BBBK2972)"]
    assert "none of its messages are waiting" in Incident.objects.get().closing_sentence


@pytest.mark.parametrize("told", [{"reason": "forked-stream"}, {"state": "replayed"}, {"state": "discarded"}])
def test_what_does_not_wait_for_a_quota_does_not_ring(member, make_station, told):
    waiting_make(make_station(), 9, **told)
    assert not Incident.objects.filter(rule="over_quota").exists()
    sweep_and_send()
    assert not Incident.objects.filter(rule="over_quota").exists()


def test_a_suspended_station_rings_as_flooding_only(member, make_station):
    station = make_station(suspended_at=clock.now())
    waiting_make(station, 9)
    assert sweep_and_send() == (1, 0)
    assert Incident.objects.get().rule == "flooding"
    Station.objects.update(suspended_at=None)
    assert sweep_and_send() == (0, 1), "after the suspension, the backlog gets some minutes to drain"
    Incident.objects.update(closed_at=clock.now() - timedelta(minutes=11))
    assert sweep_and_send() == (1, 0)
    assert Incident.objects.get(closed_at=None).rule == "over_quota"


@pytest.mark.parametrize("field", ["suspended_at", "retired_at"])
def test_one_that_begins_to_flood_or_is_retired_ends_it_quietly(smtp, member, make_station, field):
    station = make_station()
    waiting_make(station, 9)
    sweep_and_send()
    Station.objects.filter(pk=station.pk).update(**{field: clock.now()})
    sweep_and_send()
    assert Incident.objects.get(rule="over_quota").closed_at is not None
    assert not [subject for subject in smtp.subjects if "Within its quota" in subject]


def test_many_stations_ring_in_one_sweep_with_the_same_questions(member, make_station, django_assert_max_num_queries):
    for _ in range(12):
        waiting_make(make_station(), 2)

    with django_assert_max_num_queries(1):
        assert len(find(clock.now())) == 12
    sweep_and_send()
    with django_assert_max_num_queries(3):
        assert over(clock.now()) == []
