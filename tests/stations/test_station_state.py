"""Lists, totals and the sentence of a station: one state, the same in SQL and in Python."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from people import SERVER, station_of

from fleet.core import clock
from fleet.core.errors import InvalidInput, NotFound
from fleet.deployments.models import Deployment, Site
from fleet.stations.contact.sentences import state_shown, station_shown
from fleet.stations.models import Station, StationContact
from fleet.stations.selectors import SHOWN_STATES, station_get, station_get_as_listed, station_list
from fleet.telemetry.models import Detection, DetectionCount

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_sql_and_python_agree_on_the_state_of_every_combination(institute):
    with time_machine.travel(NOON, tick=False):
        edges = (None, NOON - HOUR, NOON, NOON + HOUR)
        combined = itertools.product(
            *((None, NOON), (False, True), edges, edges, [*StationContact.State.values, None], edges, edges)
        )
        stations, contacts = [], []
        for number, (retired, maintenance, until, asleep, state, late, silent) in enumerate(combined):
            station = Station(
                organization=institute,
                serial=f"X{number}",
                registered_at=NOON,
                retired_at=retired,
                is_in_maintenance=maintenance,
                maintenance_until=until,
                asleep_until=asleep,
            )
            stations.append(station)
            if state is not None:
                contacts.append(
                    StationContact(
                        station=station, state=state, last_contact_at=NOON, late_after=late, silent_after=silent
                    )
                )
        Station.objects.bulk_create(stations)
        StationContact.objects.bulk_create(contacts)
        shown = [
            (s, state_shown(s, getattr(s, "contact", None), NOON))
            for state in SHOWN_STATES
            for s in station_list(viewer=SERVER, state=state)
        ]
    assert len(shown) == len(stations)
    assert [(s.serial, s.shown_state) for s, _ in shown] == [(s.serial, state) for s, state in shown]


def test_a_row_whose_deadline_passed_is_late_before_any_sweep_has_seen_it(institute):
    station = station_of(institute, state="on_time")
    moment = clock.now()
    StationContact.objects.filter(station=station).update(late_after=moment - HOUR, silent_after=moment + HOUR)
    station = station_get_as_listed(viewer=SERVER, serial=station.serial)
    assert station.contact.state == "on_time"
    assert station.shown_state == "late"
    assert station_shown(station, station.contact, clock.now()).state == "late"


def test_a_silent_station_says_since_when_how_often_and_what_to_check(institute):
    with time_machine.travel(NOON, tick=False):
        station = station_of(institute, state="silent")
        station.contact.last_contact_at = NOON - timedelta(hours=3, minutes=12)
        station.contact.health = {"battery_v": 11.4}
        shown = station_shown(station, station.contact, NOON)
    assert shown.sign == "○"
    assert shown.lead == "Silent since 08:48 UTC (3 h 12 min)."
    assert shown.rest == "It reports every hour and missed 3 reports. The battery was at 11.4 V: check power first."
    assert shown.sentence == f"{shown.lead} {shown.rest}"


def test_a_battery_that_falls_is_named_before_it_is_low(institute):
    station = station_of(institute, state="silent")
    station.contact.health = {"battery_v": 12.4, "disk_percent": 99.2}
    shown = station_shown(station, station.contact, clock.now(), is_battery_falling=True)
    assert shown.rest.endswith("The battery was at 12.4 V and falling: check power first.")


def test_more_missed_reports_than_anybody_counts_are_not_counted(institute):
    station = station_of(institute, state="silent")
    station.contact.announced_interval_s = 60.0
    assert "It reports every minute. " in station_shown(station, station.contact, clock.now()).sentence


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ({"battery_v": 12.9, "disk_percent": 99.2}, "disk was 99.2 % full"),
        ({"temperature_c": 81}, "81 °C"),
        ({"signal_dbm": -113}, "signal was weak"),
        ({"battery_v": True, "disk_percent": "x", "signal_dbm": None}, "nothing wrong"),
        ({}, "never reported its health"),
    ],
)
def test_the_likeliest_cause_is_named(institute, health, words):
    station = station_of(institute, state="silent")
    station.contact.health = health
    assert words in station_shown(station, station.contact, clock.now()).sentence


def test_every_state_has_its_word_sign_and_next_step(institute):
    moment = clock.now()
    stations = {
        "never_seen": station_of(institute),
        "on_time": station_of(institute, state="on_time"),
        "late": station_of(institute, state="late"),
        "silent": station_of(institute, state="silent"),
        "asleep": station_of(institute, state="silent", asleep_until=moment + HOUR),
        "maintenance": station_of(institute, state="silent", is_in_maintenance=True),
        "retired": station_of(institute, state="silent", retired_at=moment),
    }
    shown = {state: station_shown(s, s.contact, moment) for state, s in stations.items()}
    assert {state: entry.state for state, entry in shown.items()} == {state: state for state in stations}
    assert len({entry.sign for entry in shown.values()}) == len(SHOWN_STATES)
    assert all(entry.sentence.endswith((".", "status.")) for entry in shown.values())


def test_those_that_need_somebody_come_first_and_retired_ones_only_when_asked_for(institute):
    made = {state: station_of(institute, state=state) for state in ("on_time", "silent", "late")}
    gone = station_of(institute, state="on_time", retired_at=clock.now())
    assert [s.serial for s in station_list(viewer=SERVER)] == [made[s].serial for s in ("silent", "late", "on_time")]
    assert list(station_list(viewer=SERVER, state="retired")) == [gone]


def test_a_stranger_finds_nothing_by_any_way(institute, stranger, viewer):
    station = station_of(institute, state="on_time")
    assert list(station_list(viewer=viewer)) == [station]
    assert list(station_list(viewer=stranger, search=station.serial)) == []
    assert list(station_list(viewer=stranger, organization=institute.slug)) == []
    with pytest.raises(NotFound) as foreign:
        station_get(viewer=stranger, serial=station.serial)
    with pytest.raises(NotFound) as absent:
        station_get(viewer=stranger, serial="SG-NONE")
    assert str(foreign.value).replace(station.serial, "") == str(absent.value).replace("SG-NONE", "")


def test_search_finds_serial_name_and_present_site(institute):
    by_name = station_of(institute, name="Old Cut")
    by_site, left = station_of(institute), station_of(institute)
    site = Site.objects.create(organization=institute, name="Long Point")
    now = clock.now()
    Deployment.objects.create(station=by_site, site=site, period=(now - HOUR, None))
    Deployment.objects.create(station=left, site=site, period=(now - 2 * HOUR, now - HOUR))
    assert list(station_list(viewer=SERVER, search="old c")) == [by_name]
    found = station_list(viewer=SERVER, search="LONG")
    assert [(s.serial, s.site_name) for s in found] == [(by_site.serial, "Long Point")]
    assert list(station_list(viewer=SERVER, search=left.serial.lower())) == [left]
    assert list(station_list(viewer=SERVER, search="%")) == []
    assert list(station_list(viewer=SERVER, search="\x00nothing")) == []


def test_detections_today_are_those_of_this_day_whatever_their_port(institute):
    with time_machine.travel(NOON, tick=False):
        station = station_of(institute, state="on_time")
        quiet = station_of(institute, state="on_time")
        for hour, port, count in ((NOON, 1, 5), (NOON - 3 * HOUR, 2, 7), (NOON - 13 * HOUR, 1, 100)):
            DetectionCount.objects.create(station=station, hour=hour, port=port, kind=Detection.Kind.PULSE, count=count)
        found = {s.serial: s.detections_today for s in station_list(viewer=SERVER, sort="-detections")}
    assert found == {station.serial: 12, quiet.serial: 0}
    assert next(iter(found)) == station.serial


@pytest.mark.parametrize("sort", ["serial", "-name", "last_contact", "-backlog", "detections", "site", "-organization"])
def test_every_sort_orders_all_stations(institute, sort):
    made = {station_of(institute, state="on_time").serial for _ in range(3)}
    assert {s.serial for s in station_list(viewer=SERVER, sort=sort)} == made


def test_an_unknown_state_or_sort_is_refused_by_its_field(db):
    for arguments, field in (
        ({"state": "dead"}, "state"),
        ({"sort": "password"}, "sort"),
        ({"sort": "--name"}, "sort"),
    ):
        with pytest.raises(InvalidInput) as refused:
            station_list(viewer=SERVER, **arguments)
        assert refused.value.field == field


def test_a_list_costs_one_query_however_long_it_is(institute):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            for station in station_list(viewer=SERVER):
                station_shown(station, station.contact, clock.now())
                assert station.organization.name
        return len(captured)

    station_of(institute, state="on_time")
    few = queries()
    for _ in range(20):
        station_of(institute, state="silent")
    assert queries() == few == 1
