"""The delivery ledger in numbers and words: what has arrived, what is still to come, what is lost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from people import station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.core import clock
from fleet.organizations.services import organization_create
from fleet.telemetry.ledger import Gap, ledger_summary
from fleet.telemetry.models import StreamLedger, UnsequencedCount

pytestmark = pytest.mark.django_db


def ranges(numbers: set[int]) -> Multirange:
    return Multirange([Range(n, n + 1) for n in sorted(numbers)])


def stream(station, name: str, received: Multirange, **fields) -> StreamLedger:
    moment = clock.now()
    return StreamLedger.objects.create(
        station=station, stream=name, received=received, first_at=moment, last_at=moment, **fields
    )


def test_nothing_has_come(institute):
    summary = ledger_summary(station=station_of(institute))
    assert (summary.streams, summary.files, summary.received) == ([], None, 0)
    assert summary.sentences == ("Nothing has arrived from this station yet.",)


def test_all_that_was_sent_has_come(institute):
    station = station_of(institute)
    stream(station, "a", Multirange([Range(1, 1235)]), oldest_seq=1235, next_seq=1235)
    assert ledger_summary(station=station).sentences == ("All 1\u202f234 numbered messages it sent have arrived.",)


def test_holes_are_split_by_what_the_station_still_holds(institute):
    station = station_of(institute)
    received = Multirange([Range(1, 5), Range(8, 1041), Range(1047, 1100)])
    stream(station, "a", received, oldest_seq=1041, next_seq=1100, repeats=3)
    summary = ledger_summary(station=station)
    (told,) = summary.streams
    assert (told.received, told.repeats) == (4 + 1033 + 53, 3)
    assert told.on_station.first_gaps == (Gap(1041, 1046),)
    assert told.lost.first_gaps == (Gap(5, 7),)
    assert summary.sentences == (
        "6 messages are missing (1041-1046); they are still on the station and will arrive with its next contact.",
        "3 messages are permanently lost (5-7): the station no longer has them.",
        "3 repeated messages were dropped.",
    )


def test_a_hole_across_the_oldest_is_cut_there(institute):
    station = station_of(institute)
    stream(station, "a", Multirange([Range(1, 3), Range(9, 10)]), oldest_seq=6, next_seq=10)
    (told,) = ledger_summary(station=station).streams
    assert told.lost.first_gaps == (Gap(3, 5),)
    assert told.on_station.first_gaps == (Gap(6, 8),)


def test_what_the_station_announced_and_did_not_send_yet_is_missing_too(institute):
    station = station_of(institute)
    stream(station, "a", Multirange([Range(1, 3)]), oldest_seq=3, next_seq=8)
    assert ledger_summary(station=station).on_station == 5


def test_while_a_station_has_not_said_what_it_holds_nothing_is_called_lost(institute):
    station = station_of(institute)
    stream(station, "a", Multirange([Range(4, 6)]), oldest_seq=None, next_seq=None)
    summary = ledger_summary(station=station)
    assert (summary.lost, summary.on_station) == (0, 3)


def test_file_streams_are_one_line_however_many(institute):
    station = station_of(institute)
    stream(station, "live", Multirange([Range(1, 11)]), oldest_seq=11, next_seq=11)
    for number in range(60):
        stream(station, f"f{1 + number % 2}-{number}", Multirange([Range(1, 4)]), repeats=1)
    summary = ledger_summary(station=station)
    assert [s.stream for s in summary.streams] == ["live"]
    assert (summary.files.streams, summary.files.received, summary.files.repeats) == (60, 180, 60)
    assert (summary.stream_count, summary.received, summary.repeats) == (61, 190, 60)


def test_many_gaps_are_counted_whole_and_listed_in_part(institute):
    station = station_of(institute)
    stream(station, "a", ranges(set(range(1, 2000, 2))), oldest_seq=1, next_seq=2000)
    (told,) = ledger_summary(station=station).streams
    assert (told.on_station.messages, told.on_station.gaps, len(told.on_station.first_gaps)) == (999, 999, 20)
    assert "(" not in ledger_summary(station=station).sentences[0]


def test_unsequenced_messages_are_told(institute):
    station = station_of(institute)
    UnsequencedCount.objects.create(station=station, messages=2, last_at=clock.now())
    assert ledger_summary(station=station).sentences == (
        "2 messages arrived without a number: they are kept, but a gap would go unnoticed.",
    )


def test_the_newest_fifty_streams_are_listed_and_all_are_counted(institute):
    station = station_of(institute)
    moment = clock.now()
    for number in range(55):
        made = stream(station, f"s{number}", Multirange([Range(1, 2)]))
        StreamLedger.objects.filter(pk=made.pk).update(last_at=moment + timedelta(seconds=number))
    with CaptureQueriesContext(connection) as captured:
        summary = ledger_summary(station=station)
    assert [s.stream for s in summary.streams][:2] == ["s54", "s53"]
    assert (len(summary.streams), summary.stream_count, summary.received) == (50, 55, 55)
    assert len(captured) == 3


class CountsHold(TestCase):
    """Received, missing and lost numbers add up to everything below the next number, in any order of arrival."""

    @given(
        received=st.sets(st.integers(1, 60), min_size=1),
        oldest=st.none() | st.integers(1, 70),
        following=st.none() | st.integers(1, 70),
    )
    def test_counts_hold(self, received, oldest, following):
        station = station_of(organization_create(name="Any", owner=None))
        stream(station, "a", ranges(received), oldest_seq=oldest, next_seq=following)
        summary = ledger_summary(station=station)
        end = max(following or 1, max(received) + 1)
        missing = set(range(1, end)) - received
        lost = {n for n in missing if oldest is not None and n < oldest}
        assert (summary.received, summary.lost, summary.on_station) == (
            len(received),
            len(lost),
            len(missing - lost),
        )
