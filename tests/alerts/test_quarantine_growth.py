"""A growing quarantine opens one incident with one mail; it closes when growth stops or all messages are decided."""

from datetime import timedelta

import pytest
from alerts.held import held_make, sweep_and_send

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening, settings):
    settings.ROOST_QUARANTINE_GROWTH = 3


def unreadable_make(station, count, *, ago=timedelta(minutes=1), reason="bad-json", **fields):
    held_make(station, count, ago=ago, reason=reason, **fields)


def test_one_mail_when_it_grows_and_one_when_it_is_quiet(smtp, member, make_station):
    station = make_station("SG-5113BBBK2972", name="Old Cut")
    unreadable_make(station, 3)
    assert sweep_and_send() == (0, 0)
    unreadable_make(station, 1)
    unreadable_make(station, 2, reason="too-deep")
    for _ in range(3):
        sweep_and_send()
    assert smtp.subjects == ["Many messages held back: Old Cut (SG-5113BBBK2972)"]
    assert "6 of its messages are held back" in Incident.objects.get().sentence
    assert "mostly for the reason “bad-json”" in Incident.objects.get().sentence
    QuarantinedMessage.objects.update(received_at=clock.now() - timedelta(minutes=61))
    for _ in range(3):
        sweep_and_send()
    assert smtp.subjects[1:] == ["No more messages held back: Old Cut (SG-5113BBBK2972)"]
    assert "6 are still held there" in Incident.objects.get().closing_sentence


def test_deciding_about_all_ends_it(member, make_station):
    station = make_station()
    unreadable_make(station, 5)
    sweep_and_send()
    QuarantinedMessage.objects.update(state="discarded")
    assert sweep_and_send() == (0, 1)
    assert "none are left" in Incident.objects.get().closing_sentence


@pytest.mark.parametrize(
    "told",
    [
        {"reason": "over-quota"},
        {"reason": "forked-stream"},
        {"ago": timedelta(hours=2)},
        {"state": "replayed"},
    ],
)
def test_what_is_held_on_purpose_old_or_decided_does_not_ring(smtp, member, make_station, told):
    unreadable_make(make_station(), 9, **told)
    assert sweep_and_send() == (0, 0)
    assert smtp.taken == []


def test_many_messages_of_several_stations_open_one_incident_each(member, make_station):
    stations = [make_station() for _ in range(3)]
    for station in stations:
        unreadable_make(station, 4)
    unreadable_make(None, 9)
    assert sweep_and_send() == (3, 0)
