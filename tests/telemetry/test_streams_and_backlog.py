"""A station's backlog and how long it will last; new streams after a swapped card; branches, which are kept separate."""

from datetime import timedelta

import pytest
from people import station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.core import clock
from fleet.stations.models import StationContact
from fleet.telemetry.condition.backlog import SERIES, backlog_of
from fleet.telemetry.ledger import ledger_summary
from fleet.telemetry.models import Reading, Series, StationEvent, StreamLedger
from fleet.telemetry.streams import branch_list, stream_change

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time")


def backlog_after(station, *words):
    """Store a station's reports of its backlog, as (minutes ago, messages), oldest first; return the backlog."""
    moment = clock.now()
    series = Series.objects.create(station=station, name=SERIES, unit="count", created_at=moment)
    for minutes, messages in words:
        at = moment - timedelta(minutes=minutes)
        Reading.objects.create(series=series, occurred_at=at, received_at=at, value=messages)
    StationContact.objects.filter(station=station).update(
        backlog_messages=messages, health_occurred_at=at, health_received_at=at
    )
    return backlog_of(station=station, contact=StationContact.objects.get(station=station), moment=moment)


def test_a_station_that_never_said_has_no_backlog(station):
    assert backlog_of(station=station, contact=station.contact, moment=clock.now()) is None


def test_the_time_that_is_left_follows_the_pace_of_the_last_half_hour(station):
    backlog = backlog_after(station, (300, 9000), (20, 5000), (10, 4000), (0, 3000))
    assert (backlog.messages, round(backlog.per_minute), round(backlog.left_s)) == (3000, 100, 1800)
    assert "The backlog shrinks by 100 a minute; at that pace it will have arrived in 30 min." in backlog.sentence


def test_a_station_that_speaks_hourly_is_judged_by_its_last_two_words(station):
    backlog = backlog_after(station, (180, 2000), (120, 1200), (60, 600))
    assert (round(backlog.per_minute), round(backlog.left_s)) == (10, 3600)


@pytest.mark.parametrize("words", [[(10, 100), (0, 100)], [(10, 100), (0, 150)]])
def test_what_does_not_become_less_has_no_end(station, words):
    backlog = backlog_after(station, *words)
    assert backlog.left_s is None
    assert "The backlog is not shrinking" in backlog.sentence


def test_one_word_alone_has_no_pace(station):
    backlog = backlog_after(station, (5, 70))
    assert (backlog.per_minute, backlog.left_s) == (None, None)
    assert backlog.sentence.startswith("70 messages were waiting on the station")


def test_nothing_waits(station):
    assert backlog_after(station, (10, 50), (0, 0)).sentence.startswith("No messages were waiting on the station")


def stream_make(station, name, ago, numbers=(1, 5), **fields):
    moment = clock.now() - ago
    values = {"received": Multirange([Range(*numbers)]), "first_at": moment, "last_at": moment, **fields}
    return StreamLedger.objects.create(station=station, stream=name, **values)


def hello(station, ago, **data):
    at = clock.now() - ago
    StationEvent.objects.create(station=station, name="hello", line=0, occurred_at=at, received_at=at, data=data)


def changed(station):
    streams = [(stream.stream, stream.first_at) for stream in ledger_summary(station=station).streams]
    return stream_change(station=station, streams=streams, moment=clock.now())


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (("k1", "m1"), ("k2", "m1"), "the card was replaced or rewritten; the board is the same"),
        (("k1", "m1"), ("k2", "m2"), "card and board are both different"),
        (("k1", "m1"), ("k1", "m2"), "the card is the same but in another board"),
        (("k1", "m1"), ("k1", "m1"), "its outbox was lost or recreated"),
        (("", ""), ("k2", "m2"), "The agent did not say"),
    ],
)
def test_a_new_stream_is_told_with_what_is_another(station, before, after, sentence):
    stream_make(station, "old", timedelta(days=5))
    stream_make(station, "new", timedelta(hours=2))
    hello(station, timedelta(days=5), card_key=before[0], machine=before[1])
    hello(station, timedelta(hours=1, minutes=59), card_key=after[0], machine=after[1])
    change = changed(station)
    assert change.stream == "new"
    assert sentence in change.sentence


def test_the_first_stream_and_old_news_are_none(station):
    stream_make(station, "old", timedelta(days=50))
    assert changed(station) is None
    stream_make(station, "new", timedelta(days=40))
    assert changed(station) is None


def test_a_branch_is_neither_home_nor_missing_nor_a_new_stream(station):
    stream_make(station, "a", timedelta(days=1), numbers=(1, 11), oldest_seq=11, next_seq=11)
    before = ledger_summary(station=station)
    stream_make(station, "a~bb", timedelta(hours=1), numbers=(6, 8), branch="cloned", messages=2)
    assert ledger_summary(station=station) == before
    assert changed(station) is None
    (branch,) = branch_list(station=station, moment=clock.now())
    assert (branch.stream, branch.state, branch.messages, branch.is_undecided) == ("a~bb", "cloned", 2, True)
    assert "A second machine has been sending" in branch.sentence
