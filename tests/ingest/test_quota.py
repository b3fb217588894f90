"""Quotas: a burst passes, messages over quota wait until later, a flood is recorded, and neighbours lose nothing."""

import time
from datetime import timedelta

import pytest

from fleet.commands.models import Congestion
from fleet.core import clock
from fleet.ingest.limits.quota import Buckets, Quota, quota_fill, quota_take
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.replay import quota_release
from fleet.stations.models import StationContact
from fleet.telemetry.models import Reading, StreamLedger

NOW = time.time()
QUOTA = Quota(messages_per_s=1.0, burst=10.0, bytes_per_hour=3_600.0, bytes_burst=1_000.0)


@pytest.fixture
def tight(settings):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 1.0, 10.0


@pytest.fixture
def many(delivery):
    def make(station, first, count, stream="a"):
        bodies = [[{"n": "temp", "v": 1.0, "t": NOW + n, "u": "Cel"}] for n in range(first, first + count)]
        return [
            delivery(station.serial, "readings", body, stream=stream, seq=first + n) for n, body in enumerate(bodies)
        ]

    return make


def test_buckets_fill_with_time_and_never_beyond_the_burst():
    moment = clock.now()
    empty = Buckets(messages=0.0, bytes=0.0, at=moment)
    after = quota_fill(empty, QUOTA, moment + timedelta(seconds=4))
    assert (after.messages, after.bytes) == (4.0, 4.0)
    assert quota_fill(empty, QUOTA, moment + timedelta(days=1)).messages == 10.0
    assert quota_fill(Buckets(), QUOTA, moment).messages == 10.0
    assert quota_fill(empty, QUOTA, moment - timedelta(hours=1)).messages == 0.0, "a clock set back takes nothing away"


def test_bytes_have_a_bucket_of_their_own():
    moment = clock.now()
    within, left = quota_take(quota_fill(Buckets(), QUOTA, moment), QUOTA, [600, 600, 300], moment)
    assert within == [True, False, True]
    assert (left.messages, left.bytes, left.excess) == (8.0, 100.0, 600.0)


def test_a_flood_begins_and_ends():
    moment = clock.now()
    quota = QUOTA._replace(bytes_per_hour=0.0)
    _, left = quota_take(quota_fill(Buckets(), quota, moment), quota, [1] * 500, moment)
    assert left.flooding_since == moment
    soon = quota_fill(left, quota, moment + timedelta(seconds=1))
    assert soon.flooding_since == moment
    assert quota_fill(soon, quota, moment + timedelta(seconds=60)).flooding_since is None


def test_a_flood_of_bytes_is_a_flood():
    moment = clock.now()
    _, left = quota_take(quota_fill(Buckets(), QUOTA, moment), QUOTA, [1_000_000] * 5, moment)
    assert left.flooding_since == moment


@pytest.mark.django_db
def test_what_is_over_the_quota_waits_and_is_taken_later(tight, pipeline, station, many):
    outcome = pipeline.take(many(station, 1, 25))
    assert (outcome.stored, outcome.quarantined) == (10, 15)
    assert set(QuarantinedMessage.objects.values_list("reason", flat=True)) == {"over-quota"}
    assert StreamLedger.objects.get().messages == 25, "all of it arrived"
    again = pipeline.take(many(station, 1, 25))
    assert (again.repeats, again.quarantined) == (15, 10), "only repeats of waiting messages are recognized"
    assert quota_release() == 25
    assert Reading.objects.count() == 25
    assert not QuarantinedMessage.objects.filter(state="held").exists()


@pytest.mark.django_db
def test_a_flood_costs_the_neighbours_nothing_and_is_not_released(tight, pipeline, make_station, many):
    flooder, neighbour = make_station(), make_station()
    outcome = pipeline.take([*many(flooder, 1, 500), *many(neighbour, 1, 5)])
    assert outcome.stored == 15
    assert StationContact.objects.get(station=flooder).flooding_since is not None
    assert StationContact.objects.get(station=neighbour).flooding_since is None
    assert Reading.objects.filter(series__station=neighbour).count() == 5
    assert quota_release() == 0


@pytest.mark.django_db
def test_a_pile_of_one_station_does_not_keep_another_from_its_turn(tight, pipeline, make_station, many, monkeypatch):
    piled, other = make_station(), make_station()
    pipeline.take(many(piled, 1, 60))
    pipeline.take(many(other, 1, 14))
    monkeypatch.setattr("fleet.ingest.replay.RELEASED_AT_ONCE", 10)
    assert quota_release() == 9
    held = QuarantinedMessage.objects.filter(state="held")
    assert not held.filter(station=other).exists(), "its four were released, though older ones of the other wait"
    assert held.filter(station=piled).count() == 45
    assert quota_release() == 10, "alone, it gets all the room"
    assert Reading.objects.filter(series__station=piled).count() == 25


@pytest.mark.django_db
def test_what_waits_is_not_taken_while_roost_cannot_keep_up(tight, pipeline, make_station, many):
    pipeline.take(many(make_station(), 1, 25))
    busy = Congestion.objects.create(cause="backlog", waiting=100_000, started_at=clock.now())
    assert quota_release() == 0
    Congestion.objects.filter(id=busy.id).update(ended_at=clock.now())
    assert quota_release() == 15


@pytest.mark.django_db
def test_a_station_has_its_own_quota_where_it_needs_one(tight, pipeline, make_station, many):
    busy = make_station(quota_messages_per_s=0.0)
    assert pipeline.take(many(busy, 1, 50)).stored == 50


@pytest.mark.django_db
def test_what_a_station_left_that_flooded_and_stopped_is_taken(tight, pipeline, station, many):
    pipeline.take(many(station, 1, 500))
    assert quota_release() == 0, "it may still be flooding"
    StationContact.objects.update(quota_at=clock.now() - timedelta(seconds=21))
    type(station).objects.update(suspended_at=clock.now())
    assert quota_release() == 0, "suspended"
    type(station).objects.update(suspended_at=None)
    assert quota_release() == 490
