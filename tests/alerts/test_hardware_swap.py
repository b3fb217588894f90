"""A swapped board or card raises one alert, and the incident ends when somebody has said what happened."""

from datetime import timedelta

import pytest
from people import SERVER

from fleet.alerts.models import Incident
from fleet.alerts.rules.hardware_swap import find, over
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.lifecycle.swap_hardware import swap_another, swap_same
from fleet.stations.life.hardware import SaidHardware, pairs_note, swap_asked
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


def spoke(station, machine, card, *, ago):
    said = SaidHardware(station.pk, machine, card, "Pi 4")
    pairs_note(said=[said], moment=clock.now() - ago)


def swapped(station):
    spoke(station, "m1", "c1", ago=timedelta(hours=2))
    spoke(station, "m2", "c1", ago=timedelta(hours=1))
    return station


def sweep_and_send(times=1):
    moved = [rules_sweep() for _ in range(times)]
    notifications_send(channel="mail")
    return moved


def test_a_swap_is_told_once_and_ends_with_the_answer_same(smtp, member, make_station):
    station = make_station("SG-5113BBBK2972", name="Old Cut")
    spoke(station, "m1", "c1", ago=timedelta(hours=2))
    assert sweep_and_send() == [(0, 0)], "the first hardware is not a swap"
    spoke(station, "m2", "c1", ago=timedelta(hours=1))
    assert sweep_and_send(3) == [(1, 0), (0, 0), (0, 0)]
    incident = Incident.objects.get()
    assert smtp.subjects == ["Different hardware: Old Cut (SG-5113BBBK2972)"]
    assert "different board with the same card. Is it the same station?" in incident.sentence
    assert "under “Hardware”" in smtp.taken[0].get_content()
    assert incident.opened_at - incident.began_at > timedelta(minutes=59)
    spoke(station, "m3", "c3", ago=timedelta(minutes=1))
    assert sweep_and_send() == [(0, 0)], "there is one incident, however many pairs are in question"
    swap_same(actor=SERVER, pair=swap_asked(station=station))
    assert Incident.objects.get().closed_at is None, "one of the two is still open"
    assert sweep_and_send() == [(0, 0)]
    swap_same(actor=SERVER, pair=swap_asked(station=station))
    assert Incident.objects.get().closed_at is not None, "at once, before the next sweep"
    assert sweep_and_send() == [(0, 0)]
    assert "the same station" in Incident.objects.get().closing_sentence
    assert len(smtp.taken) == 1, "the person who answered already knows"


def test_the_answer_new_station_ends_it_and_the_successor_starts_without(smtp, member, make_station):
    station = swapped(make_station())
    sweep_and_send()
    successor = swap_another(actor=SERVER, pair=swap_asked(station=station))
    incident = Incident.objects.get()
    assert incident.closed_at is not None, "at once, before the next sweep"
    assert sweep_and_send() == [(0, 0)]
    assert incident.station_id == station.pk != successor.pk
    assert "a new station" in incident.closing_sentence
    assert len(smtp.taken) == 1


def test_a_retired_station_is_not_asked_about(smtp, member, make_station):
    swapped(make_station(retired_at=clock.now()))
    later = swapped(make_station())
    assert sweep_and_send() == [(1, 0)]
    Station.objects.filter(pk=later.pk).update(retired_at=clock.now())
    assert sweep_and_send() == [(0, 1)]
    assert Incident.objects.get().closing_sentence.startswith("Retired")


def test_many_swaps_ring_in_one_sweep_with_the_same_questions(
    smtp, member, make_station, django_assert_max_num_queries
):
    for _ in range(12):
        swapped(make_station())
    with django_assert_max_num_queries(1):
        assert len(find(clock.now())) == 12
    sweep_and_send()
    assert [subject.partition(":")[0] for subject in smtp.subjects] == ["Different hardware"]
    with django_assert_max_num_queries(1):
        assert over(clock.now()) == []
