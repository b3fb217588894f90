"""Our own downtime: found by gaps between pulses, and never counted against a station."""

from datetime import timedelta

import pytest
from people import station_of

from fleet.core import clock
from fleet.core.models import Outage
from fleet.core.pulses import INGEST, is_listening, outage_list, pulse_age, pulse_beat
from fleet.ingest.listening import ingest_beat
from fleet.stations.contact.deadlines import contact_sweep_late, contact_sweep_silent
from fleet.stations.models import StationContact

pytestmark = pytest.mark.django_db


def test_a_gap_between_pulses_is_an_outage_of_ours():
    now = clock.now()
    assert pulse_beat(name=INGEST, moment=now - timedelta(minutes=30)) is None
    assert pulse_beat(name=INGEST, moment=now - timedelta(minutes=30) + timedelta(seconds=5)) is None
    outage = pulse_beat(name=INGEST, moment=now)
    assert outage is not None
    assert outage.ended_at - outage.started_at == timedelta(minutes=30) - timedelta(seconds=5)
    assert Outage.objects.count() == 1


def test_two_workers_keep_one_pulse_and_an_old_one_never_sets_it_back():
    now = clock.now()
    pulse_beat(name=INGEST, moment=now)
    pulse_beat(name=INGEST, moment=now - timedelta(minutes=3))
    assert pulse_age(name=INGEST) < timedelta(minutes=3)
    assert is_listening()


def test_nobody_listens_before_the_first_pulse_and_after_a_long_pause():
    assert not is_listening()
    pulse_beat(name=INGEST, moment=clock.now() - timedelta(minutes=2))
    assert not is_listening()


def test_after_our_outage_stations_get_their_full_time_again(institute):
    on_time, silent = station_of(institute, state="on_time"), station_of(institute, state="silent")
    now = clock.now()
    pulse_beat(name=INGEST, moment=now - timedelta(days=2))
    StationContact.objects.filter(station=on_time).update(late_after=now - timedelta(days=1), silent_after=now)
    ingest_beat(moment=now)
    contact = StationContact.objects.get(station=on_time)
    assert contact.late_after > now + timedelta(hours=1.5)
    assert contact.silent_after > now + timedelta(hours=3)
    assert contact_sweep_silent(now + timedelta(seconds=1)) == []
    assert StationContact.objects.get(station=silent).state == "silent"


def test_deadlines_move_a_station_once_and_leave_those_whose_silence_is_expected(institute):
    now = clock.now()
    plain = station_of(institute, state="on_time")
    for reason in ({"is_in_maintenance": True}, {"retired_at": now}, {"asleep_until": now + timedelta(days=9)}):
        station_of(institute, state="on_time", **reason)
    later = now + timedelta(hours=4)
    assert contact_sweep_late(now) == 0
    assert contact_sweep_silent(later) == [(plain.id, institute.id)]
    assert contact_sweep_silent(later) == []
    assert contact_sweep_late(later) == 3


def test_only_times_in_which_nobody_listened_are_outages_for_people():
    now = clock.now()
    for name in (INGEST, "relay"):
        pulse_beat(name=name, moment=now - timedelta(minutes=9))
        pulse_beat(name=name, moment=now)
    (outage,) = outage_list(start=now - timedelta(hours=1), end=now)
    assert outage.name == INGEST
