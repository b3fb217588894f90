"""A client without runs counts from one again after a restart: new data under an old number is stored, once."""

import time

import pytest

from fleet.core import clock
from fleet.files.models import StationFile
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.replay import quota_release
from fleet.stations.models import StationContact
from fleet.telemetry.models import Detection, Reading, StreamLedger

pytestmark = pytest.mark.django_db
#: Seconds since 1970.
NOW = float(int(time.time()))


@pytest.fixture
def send(pipeline, station, delivery):
    def act(kind, body, seq, stream="plain", **fields):
        return pipeline.take([delivery(station.serial, kind, body, stream=stream, seq=seq, **fields)])

    return act


def level(value, at):
    """One reading with its own time."""
    return [{"bn": "level", "bt": at, "v": value}]


def values():
    """All readings, ordered by time."""
    return list(Reading.objects.order_by("occurred_at").values_list("value", flat=True))


def held():
    """Reasons of the quarantined messages."""
    return list(QuarantinedMessage.objects.order_by("id").values_list("reason", flat=True))


def test_a_counter_that_begins_again_loses_no_reading(send):
    for seq in (1, 2, 3):
        send("readings", level(float(seq), NOW - 100 + seq), seq)
    for seq in (1, 2, 3, 4):
        send("readings", level(float(seq + 10), NOW - 50 + seq), seq)
    assert values() == [1.0, 2.0, 3.0, 11.0, 12.0, 13.0, 14.0]
    ledger = StreamLedger.objects.get()
    assert (ledger.messages, ledger.repeats) == (4, 3)


def test_a_repeat_is_still_one_row_and_counted_as_a_repeat(send):
    assert send("readings", level(1.0, NOW), 1).stored == 1
    again = send("readings", level(1.0, NOW), 1)
    assert (again.stored, again.repeats, again.quarantined) == (0, 1, 0)
    assert values() == [1.0]


def test_both_in_one_batch(pipeline, station, delivery):
    batch = [
        delivery(station.serial, "readings", level(value, NOW + at), stream="plain", seq=seq)
        for value, at, seq in ((1.0, 0, 1), (1.0, 0, 1), (2.0, 1, 1))
    ]
    outcome = pipeline.take(batch)
    assert (outcome.stored, outcome.repeats) == (1, 2)
    assert values() == [1.0, 2.0]


def test_a_reading_timed_by_its_receipt_is_not_doubled_by_a_repeat(send):
    for _ in range(2):
        send("readings", [{"n": "level", "v": 1.0}, {"n": "level", "v": 2.0, "t": -60}], 1)
    assert values() == [2.0, 1.0]


def test_of_a_repeat_with_both_kinds_of_time_only_the_absolute_is_looked_at(send):
    send("readings", [{"n": "level", "v": 1.0}], 1)
    send("readings", [{"n": "level", "v": 2.0}, {"n": "level", "t": NOW - 60, "v": 3.0}], 1)
    assert values() == [3.0, 1.0]


def test_numbers_in_the_body_are_as_good(pipeline, station, delivery):
    for at in (NOW - 10, NOW):
        pipeline.take(
            [delivery(station.serial, "health", {"at": at, "battery_v": 12.0 + at - NOW, "stream": "mqtt", "seq": 1})]
        )
    assert set(values()) == {2.0, 12.0}
    assert StationContact.objects.get().health["battery_v"] == 12.0, "the later report counts"


def test_an_older_word_under_an_old_number_is_not_the_newest(send):
    send("health", {"at": NOW, "disk_percent": 50}, 5)
    send("health", {"at": NOW - 60, "disk_percent": 99}, 3)
    send("health", {"at": NOW - 30, "disk_percent": 98}, 3)
    assert StationContact.objects.get().health["disk_percent"] == 50


def test_detections_under_old_numbers(send):
    for at in (NOW - 10, NOW):
        send("detections", {"what": "pulse", "port": 3, "bt": at, "t": [0.5266, 0.5486], "freq": [1.0, 2.0]}, 1)
    assert Detection.objects.count() == 4


def test_a_file_counts_the_rows_that_are_there_once(send):
    pulses = {"what": "pulse", "port": 3, "bt": NOW, "t": [0.5, 0.6], "freq": [1.0, 2.0], "file": "x-all.txt"}
    for _ in range(3):
        send("detections", pulses, 1)
    assert StationFile.objects.get().rows == 2
    send("detections", pulses | {"t": [0.6, 0.7]}, 1)
    file = StationFile.objects.get()
    assert (file.rows, Detection.objects.count()) == (3, 3)
    assert file.rows_to.timestamp() == pytest.approx(NOW + 0.7)
    for _ in range(2):
        send("event", {"events": [{"t": NOW, "name": "door_opened"}], "file": "x-all.txt"}, 2)
    assert StationFile.objects.get().rows == 4


def test_a_refused_message_under_a_used_number_is_kept_once(send):
    send("readings", level(1.0, NOW), 1)
    for _ in range(3):
        send("readings", b"{broken", 1)
    assert held() == ["bad-fields"]
    send("readings", b"{other", 1)
    assert held() == ["bad-fields", "bad-fields"]
    assert StreamLedger.objects.get().repeats == 4


def test_refused_messages_sum_up(send):
    first = send("readings", b"{broken", 1)
    again = send("readings", b"{broken", 1)
    other = send("readings", b"{other", 1)
    assert [(o.stored, o.repeats, o.quarantined) for o in (first, again, other)] == [(0, 0, 1), (0, 1, 0), (0, 0, 1)]


def test_a_bad_field_under_a_used_number_is_told_once(send):
    pack = [{"n": "level", "t": NOW, "v": 1.0}, {"n": "bad name!", "t": NOW, "v": 2.0}]
    send("readings", level(7.0, NOW - 60), 1)
    first = send("readings", pack, 1)
    again = send("readings", pack, 1)
    assert held() == ["left-out"]
    assert [(o.stored, o.repeats, o.quarantined, o.partial) for o in (first, again)] == [(0, 1, 0, 1), (0, 1, 0, 0)]
    assert values() == [7.0, 1.0]


def test_what_is_over_a_quota_waits_and_its_receipt_counts_only_once(send, settings, time_machine):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 1.0, 2.0
    time_machine.move_to(clock.now(), tick=False)
    send("readings", [{"n": "level", "v": 1.0}], 1)
    send("readings", level(2.0, NOW - 60), 2)
    waits = send("readings", level(3.0, NOW - 30), 2)
    assert (waits.repeats, waits.quarantined) == (0, 1)
    assert send("readings", [{"n": "level", "v": 1.0}], 1).quarantined == 1
    assert quota_release() == 2
    assert values() == [2.0, 3.0, 1.0]


def test_an_agents_run_says_who_wrote_a_number(send):
    """With a run, a known number is a repeat, and its rows are not looked up."""
    headers = {"v": 1, "stream": "a", "seq": 1, "run": "r1", "since": 1}
    send("readings", level(1.0, NOW), 1, application_headers=headers)
    again = send("readings", level(2.0, NOW + 1), 1, application_headers=headers)
    assert (again.repeats, values()) == (1, [1.0])


def test_the_stream_of_a_file_is_named_for_its_contents(send):
    send("readings", level(1.0, NOW), 1, stream="f1-abc")
    again = send("readings", level(2.0, NOW + 1), 1, stream="f1-abc")
    assert (again.repeats, values()) == (1, [1.0])
