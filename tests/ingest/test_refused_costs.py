"""Refused, held and branched messages cost their station as much as stored ones, and cannot fill the server's disk."""

import pytest

from fleet.core import clock
from fleet.ingest.limits import quarantine_budget as budget
from fleet.ingest.limits import stream_bounds
from fleet.ingest.limits.quarantine_budget import full_suspend, tallies_cut, tallies_recount
from fleet.ingest.models import QuarantinedMessage, QuarantineTally
from fleet.ingest.quarantine import quarantine_discard
from fleet.ingest.replay import quarantine_replay
from fleet.organizations.access import viewer_of_server
from fleet.stations.models import Station, StationContact
from fleet.telemetry.models import Reading, StreamLedger

pytestmark = pytest.mark.django_db
NOW = 1_763_690_000.0
ROOST = viewer_of_server("Roost")


@pytest.fixture
def tight(settings):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 1.0, 10.0


@pytest.fixture
def garbage(station, delivery):
    def make(count, first=1, body=b'{"no": "readings"', **properties):
        return [
            delivery(station.serial, "readings", body, stream="a", seq=first + n, **properties) for n in range(count)
        ]

    return make


@pytest.fixture
def readings(station, delivery):
    def make(count, first=1, stream="a", **headers):
        made = []
        for seq in range(first, first + count):
            body = [{"n": "temp", "v": 1.0, "t": NOW + seq}]
            message = delivery(station.serial, "readings", body, stream=stream, seq=seq)
            message.properties["application_headers"] |= headers
            made.append(message)
        return made

    return make


def contact(station):
    return StationContact.objects.get(station=station)


def held(**which):
    return QuarantinedMessage.objects.filter(state="held", **which)


def test_a_flood_of_garbage_is_a_flood(tight, pipeline, station, garbage):
    outcome = pipeline.take(garbage(1_000))
    assert outcome.over_quota == {f"in.{station.serial}"}
    assert contact(station).quota_excess > 400
    assert contact(station).flooding_since is not None


def test_repeats_cost_their_station_too(tight, pipeline, station, readings, time_machine):
    # Time refills the quota, so it stands still here.
    time_machine.move_to(clock.now(), tick=False)
    pipeline.take(readings(5, run="r1", since=1))
    for _ in range(100):
        assert pipeline.take(readings(5, run="r1", since=1)).repeats == 5
    assert contact(station).quota_excess > 400


def test_repeats_of_a_client_without_runs_wait_once_each_when_they_are_over_the_quota(
    tight, pipeline, station, readings, time_machine
):
    time_machine.move_to(clock.now(), tick=False)
    for _ in range(100):
        pipeline.take(readings(5))
    assert contact(station).quota_excess > 400
    assert held(reason="over-quota").count() == 5
    assert Reading.objects.count() == 5


def test_of_garbage_so_much_is_kept_whole_and_the_rest_is_counted_with_how_it_begins(
    pipeline, station, garbage, monkeypatch
):
    monkeypatch.setattr(budget, "KEPT_MOST", 20)
    pipeline.take(garbage(15))
    assert pipeline.take(garbage(100, first=16)).quarantined == 100
    assert held().count() == 20
    (tally,) = tallies_cut(viewer=ROOST)
    assert (tally.reason, tally.kept, tally.cut, tally.station) == ("bad-fields", 20, 95, station)
    assert tally.cut_bytes == 95 * len(b'{"no": "readings"')
    assert (tally.start, tally.sentence[:8]) == ('{"no": "readings"', "The body")
    assert StreamLedger.objects.get().messages == 115, "all of it is accounted for"


def test_the_budget_has_bytes_too_and_is_each_station_s_own(pipeline, make_station, delivery, monkeypatch):
    monkeypatch.setattr(budget, "KEPT_BYTES_MOST", 1_000)
    big, other = make_station(), make_station()
    bodies = [delivery(big.serial, "readings", b"x" * 400, stream="a", seq=n) for n in (1, 2, 3)]
    pipeline.take([*bodies, delivery(other.serial, "readings", b"x" * 400, stream="a", seq=1)])
    assert sorted(held().values_list("station", flat=True)) == sorted([big.id, big.id, other.id])
    unknown = [delivery("SG-NOBODY", "readings", b"x" * 600) for _ in range(2)]
    pipeline.take(unknown)
    assert held(station=None).count() == 1
    assert QuarantineTally.objects.get(station=None).cut == 1


def test_room_comes_back_when_somebody_decides(pipeline, garbage, monkeypatch):
    monkeypatch.setattr(budget, "KEPT_MOST", 20)
    pipeline.take(garbage(25))
    for message in held()[:10]:
        quarantine_discard(viewer=ROOST, message=message)
    assert tallies_recount() == 1
    pipeline.take(garbage(25, first=26))
    assert (held().count(), QuarantineTally.objects.get().cut) == (20, 5 + 15)


def test_what_waits_for_its_quota_is_never_cut(tight, pipeline, station, readings, monkeypatch):
    monkeypatch.setattr(budget, "KEPT_MOST", 5)
    pipeline.take(readings(100))
    assert held(reason="over-quota").count() == 90
    assert QuarantineTally.objects.get(station=station).cut == 0


def test_a_station_of_which_too_much_waits_keeps_the_rest_itself(tight, pipeline, station, readings, monkeypatch):
    monkeypatch.setattr(budget, "WAITING_MOST", 50)
    pipeline.take(readings(40))
    assert full_suspend() == 0
    pipeline.take(readings(40, first=41))
    assert full_suspend() == 1
    station = Station.objects.get(pk=station.pk)
    assert station.suspended_at is not None
    assert station.suspended_reason == "quarantine-full"
    assert full_suspend() == 0


def test_fifteen_hundred_random_runs_are_a_few_rows_of_the_ledger(pipeline, station, readings):
    pipeline.take(readings(10, run="aa", since=1))
    made = [readings(1, first=5, run=f"r{number}", since=5)[0] for number in range(1_500)]
    for message in made:
        message.body = b'[{"n":"a","v":1}]'
    for first in range(0, 1_500, 100):
        pipeline.take(made[first : first + 100])
    branches = StreamLedger.objects.filter(station=station).exclude(branch="")
    assert branches.count() == stream_bounds.UNDECIDED_MOST
    assert held(reason="forked-stream").count() == stream_bounds.UNDECIDED_MOST
    assert held(reason="too-many-streams").count() == 1_500 - stream_bounds.UNDECIDED_MOST


def test_streams_of_a_station_are_bounded_and_nothing_of_them_is_lost_or_doubled(
    pipeline, station, readings, monkeypatch
):
    monkeypatch.setattr(stream_bounds, "STREAMS_MOST", 3)
    for number in range(6):
        message = readings(1, first=number + 1, stream=f"s{number}")
        pipeline.take(message)
        pipeline.take(message)
    assert StreamLedger.objects.count() == 3
    assert held(reason="too-many-streams").count() == 3
    assert pipeline.take(readings(1, first=1, stream="s0")).repeats == 1, "known streams continue"
    pipeline.take(readings(1, first=99, stream="f1-ab"))
    assert StreamLedger.objects.filter(stream="f1-ab").exists(), "files sent whole have a separate limit"
    monkeypatch.setattr(stream_bounds, "STREAMS_MOST", 10)
    for message in held(reason="too-many-streams"):
        assert quarantine_replay(viewer=ROOST, message=message).stored == 1
    assert Reading.objects.count() == 7
    assert pipeline.take(readings(1, first=6, stream="s5")).repeats == 1


def test_a_number_in_a_body_without_room_in_the_ledger_is_kept(pipeline, station, delivery, monkeypatch):
    monkeypatch.setattr(stream_bounds, "STREAMS_MOST", 0)
    body = {"at": NOW, "battery_v": 12.0, "stream": "plain", "seq": 1}
    assert pipeline.take([delivery(station.serial, "health", body)]).quarantined == 1
    assert held().get().reason == "too-many-streams"


def test_three_hundred_reports_come_through_beside_a_flood_and_the_next_wait(tight, pipeline, station, delivery):
    pipeline.take(
        [
            delivery(station.serial, "readings", [{"n": "t", "v": 1, "t": NOW + n}], stream="a", seq=n)
            for n in range(1, 200)
        ]
    )
    body = {"command": "3f1c0000-0000-0000-0000-000000000000", "state": "running", "at": NOW}
    reports = [delivery(station.serial, "command_status", body, stream="a", seq=1_000 + n) for n in range(400)]
    pipeline.take(reports)
    assert held(reason="unknown-command").count() == 300
    assert held(reason="over-quota", routing_key="command_status").count() == 100
