"""Stations that need attention: counted as they are listed, worst first, and never another organization's."""

from datetime import timedelta

import pytest
from people import SERVER, elsewhere, institute, station_of, stranger, viewer

from fleet.alerts.attention import (
    ATTENTION,
    STATES,
    attention_list,
    fleet_list,
    fleet_narrow,
    fleet_state,
    fleet_totals,
)
from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.core.errors import InvalidInput

__all__ = ["elsewhere", "institute", "stranger", "viewer"]
pytestmark = pytest.mark.django_db


def trouble(station, rule="health_battery"):
    moment = clock.now()
    Incident.objects.create(
        organization=station.organization,
        station=station,
        rule=rule,
        sentence="Low.",
        began_at=moment,
        opened_at=moment,
    )
    return station


@pytest.fixture
def made(institute):
    moment = clock.now()
    return {
        "on_time": station_of(institute, state="on_time", name="A"),
        "check": trouble(station_of(institute, state="on_time", name="B")),
        "late": station_of(institute, state="late", name="C"),
        "silent": trouble(trouble(station_of(institute, state="silent", name="D")), "silence"),
        "never_seen": station_of(institute, name="E"),
        "asleep": trouble(station_of(institute, state="silent", asleep_until=moment + timedelta(days=1), name="F")),
        "maintenance": trouble(station_of(institute, state="silent", is_in_maintenance=True, name="G")),
        "retired": trouble(station_of(institute, state="silent", retired_at=moment, name="H")),
    }


def test_every_state_is_counted_as_it_is_listed(made):
    stations = fleet_list(viewer=SERVER)
    totals = fleet_totals(stations)
    assert totals.states == dict.fromkeys(STATES, 1)
    assert (totals.total, totals.fine, totals.needing) == (7, 2, 4)
    for state in (*STATES, ATTENTION, ""):
        assert fleet_narrow(stations, state).count() == totals.of(state), state
    for state in STATES:
        assert [station.pk for station in fleet_narrow(stations, state)] == [made[state].pk]


def test_the_silent_come_first_and_of_these_the_longest_silent(made, institute):
    earlier = station_of(institute, state="silent")
    earlier.contact.last_contact_at -= timedelta(days=2)
    earlier.contact.save()
    found = [station.pk for station in attention_list(fleet_list(viewer=SERVER))]
    assert found == [earlier.pk, *(made[state].pk for state in ("silent", "late", "check", "asleep"))]
    assert [fleet_state(station) for station in fleet_list(viewer=SERVER)] == ["silent", *STATES]


def test_a_closed_incident_needs_nobody(made):
    Incident.objects.update(closed_at=clock.now())
    assert fleet_totals(fleet_list(viewer=SERVER)).needing == 2


def test_filters_narrow_the_counts_too(made):
    assert fleet_totals(fleet_list(viewer=SERVER, search=made["check"].serial)).needing == 1
    with pytest.raises(InvalidInput):
        fleet_narrow(fleet_list(viewer=SERVER), "nonsense")


def test_a_stranger_counts_nothing(made, stranger):
    totals = fleet_totals(fleet_list(viewer=stranger))
    assert (totals.total, totals.needing) == (0, 0)
