"""Rows that cannot be told apart: the first is kept, and an event reports the others; different events are all kept."""

import time
from datetime import timedelta

import pytest
from django.db import connection

from fleet.core import clock
from fleet.telemetry.models import Detection, Position, Reading, StationEvent, Suspicion

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


@pytest.mark.parametrize(
    "other",
    [
        {"freq": [1.5]}, {"sig": [-40.0]}, {"noise": [-90.0]}, {"snr": [7.0]}, {"used": [False]},
    ],
)  # fmt: skip
def test_pulses_of_one_line_that_differ_in_any_figure_are_counted(send, other):
    pulse = {"what": "pulse", "port": 1, "t": [NOW], "line": [7]}
    send("detections", pulse)
    send("detections", {**pulse, **other})
    assert (Detection.objects.count(), left_out()) == (1, [("detections", 1)])


def test_tags_that_differ_in_their_further_columns_are_counted(send):
    send("detections", {**tags("AABBCCDD"), "also": [{"battery": "3"}]})
    send("detections", {**tags("AABBCCDD"), "also": [{"battery": "4"}]})
    assert (Detection.objects.get().also, left_out()) == ({"battery": "3"}, [("detections", 1)])


def test_texts_of_one_moment_are_events_in_their_order(send):
    texts = [{"n": "door", "vs": said, "t": NOW} for said in ("open", "locked", "closed")]
    for _ in range(2):
        send("readings", texts)
    doors = StationEvent.objects.filter(name="door").order_by("occurred_at")
    assert [door.data["text"] for door in doors] == ["open", "locked", "closed"]
    assert left_out() == []


def test_two_events_that_differ_by_their_port_are_both_kept_and_their_repeats_known(send):
    ports = [{"t": NOW, "name": "on", "port": 1}, {"t": NOW, "name": "on", "port": 2}]
    send("event", {"events": ports})
    first, second = StationEvent.objects.order_by("occurred_at")
    assert (first.port, first.flags, second.port, second.flags) == (1, 0, 2, Suspicion.SAME_MOMENT)
    assert second.occurred_at - first.occurred_at == timedelta(microseconds=1)
    # Again, one at a time and the other first, and with a third.
    for events in (ports[1:], ports[:1], ports[::-1], [*ports, {"t": NOW, "name": "on"}]):
        send("event", {"events": events})
    assert sorted(StationEvent.objects.values_list("port", flat=True), key=str) == [1, 2, None]
    assert left_out() == []


def test_a_second_event_of_one_line_is_left_out_and_counted(send):
    line = {"t": NOW, "name": "on", "line": 7}
    send("event", {"events": [{**line, "port": 1}, {**line, "port": 2}], "file": "x-all.txt"})
    assert (StationEvent.objects.get(name="on").port, left_out()) == (1, [("events", 1)])


def test_more_events_of_one_moment_than_there_are_places_are_counted(send):
    for numbers in (range(501), range(501, 1_001)):
        events = [{"t": NOW, "name": "on", "data": {"n": n}} for n in numbers]
        send("event", {"events": events})
    assert StationEvent.objects.filter(name="on").count() == 1_000
    assert left_out() == [("events", 1)]


def test_parts_of_what_came_together_add_their_counts(send, monkeypatch):
    """Messages that leave quarantine in several batches have one moment of receipt, and one event."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    send("detections", tags("00000000"))
    send("detections", {**tags("11111111", "22222222"), "t": [NOW, NOW]})
    send("detections", tags("33333333"))
    assert left_out() == [("detections", 3)]


def test_an_event_of_that_name_with_any_data_does_not_stop_the_count(send, station, monkeypatch):
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    StationEvent.objects.create(
        station=station, occurred_at=moment, name="rows_left_out", line=1, received_at=moment, data={"count": "x"}
    )
    send("detections", tags("AABBCCDD", "11223344"))
    assert StationEvent.objects.get(name="rows_left_out").data["count"] == 1


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
