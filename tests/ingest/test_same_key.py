"""Rows that cannot be told apart: the first is kept, and an event of the station reports the others."""

import time

import pytest
from django.db import connection

from fleet.telemetry.models import Detection, Position, Reading, StationEvent

pytestmark = pytest.mark.django_db
NOW = int(time.time()) - 60


@pytest.fixture
def send(pipeline, station, delivery):
    """Send a body without a number, as a plain client does."""
    return lambda kind, body: pipeline.take([delivery(station.serial, kind, body)])


def left_out():
    """Counts from the events about rows that were left out: (rows, count)."""
    events = StationEvent.objects.filter(name="rows_left_out").order_by("received_at")
    return [(event.data["rows"], event.data["count"]) for event in events]


def tags(*heard):
    return {"what": "tag", "port": 1, "t": [NOW] * len(heard), "tag": list(heard)}


def test_two_tags_of_one_second_without_lines_are_one_row_and_a_word(send):
    send("detections", tags("AABBCCDD", "11223344"))
    assert list(Detection.objects.values_list("tag", flat=True)) == ["AABBCCDD"]
    assert left_out() == [("detections", 1)]


def test_a_second_message_with_another_tag_of_that_second_is_told_too(send):
    send("detections", tags("AABBCCDD"))
    assert left_out() == []
    send("detections", tags("11223344"))
    assert left_out() == [("detections", 1)]


def test_a_figure_that_was_left_out_as_bad_and_is_sent_again_is_counted(send):
    pulse = {"what": "pulse", "port": 1, "t": [NOW], "line": [7]}
    send("detections", {**pulse, "freq": ["x"]})
    assert (Detection.objects.get().freq, left_out()) == (None, [])
    send("detections", {**pulse, "freq": [1.5]})
    assert (Detection.objects.get().freq, left_out()) == (None, [("detections", 1)])


def test_repeats_are_no_loss(send):
    for _ in range(3):
        send("detections", tags("AABBCCDD", "AABBCCDD"))
    assert (Detection.objects.count(), left_out()) == (1, [])


def test_with_lines_both_are_kept(send):
    send("detections", {**tags("AABBCCDD", "11223344"), "line": [7]})
    assert (Detection.objects.count(), left_out()) == (2, [])


def test_two_places_of_one_second_are_one_row_and_a_word(send):
    send("gps", {"t": [NOW, NOW], "lat": [42.0, 43.0], "lon": [-80.0, -80.0]})
    assert (Position.objects.count(), left_out()) == (1, [("positions", 1)])


def test_two_texts_of_one_moment_are_one_event_and_a_word(send):
    send("readings", [{"n": "door", "vs": "open", "t": NOW}, {"n": "door", "vs": "closed", "t": NOW}])
    assert (StationEvent.objects.filter(name="door").count(), left_out()) == (1, [("events", 1)])


def test_repeats_of_a_series_that_keeps_its_value_are_looked_up_by_key(send):
    """Comparing each with all stored values of the series took minutes when a station repeated a long backlog."""
    # So many that no planner would rather scan them, whatever it believes about a month that has just begun.
    for pack in range(10):
        send("readings", door_closed_since(NOW - 6_000 + 600 * pack))
    read = read_by_scanning()
    send("readings", door_closed_since(NOW - 600))
    assert read_by_scanning() == read
    assert Reading.objects.count() == 6_000


def door_closed_since(start: int) -> list[dict[str, object]]:
    """A message with one value of each second for ten minutes, always the same."""
    return [{"n": "door", "t": start + second, "v": 1} for second in range(600)]


def read_by_scanning() -> int:
    """Readings that this transaction has read by scanning whole tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(inhrelid)), 0) FROM pg_inherits "
            "WHERE inhparent = 'telemetry_reading'::regclass"
        )
        return int(cursor.fetchone()[0])
