"""Batches through the pipeline into a real PostgreSQL: stored once, counted, and never at a neighbour's cost."""

import gzip
import time
from datetime import UTC, datetime, timedelta

import pytest

from fleet.commands.models import Command
from fleet.files.models import StationFile
from fleet.ingest import pipeline as pipelines
from fleet.ingest.models import QuarantinedMessage
from fleet.stations.models import StationContact
from fleet.telemetry.models import (
    Detection,
    DetectionCount,
    Position,
    Reading,
    Series,
    StationEvent,
    StreamLedger,
    Suspicion,
    UnsequencedCount,
)

pytestmark = pytest.mark.django_db

NOW = time.time()


def senml(name="temp", value=1.0, at=None):
    return [{"n": name, "v": value, "t": NOW if at is None else at, "u": "Cel"}]


def received(station):
    ledger = StreamLedger.objects.get(station=station)
    return [(r.lower, r.upper) for r in ledger.received]


def test_a_reading_is_stored_with_its_series_and_newest_value(pipeline, station, delivery):
    outcome = pipeline.take([delivery(station.serial, "readings", senml(value=21.5), stream="a", seq=1)])
    assert (outcome.stored, outcome.repeats, outcome.quarantined) == (1, 0, 0)
    reading = Reading.objects.get()
    assert reading.value == 21.5
    assert abs(reading.occurred_at.timestamp() - NOW) < 1e-5
    series = Series.objects.get()
    assert (series.name, series.unit, series.last_value) == ("temp", "Cel", 21.5)
    assert outcome.changed == {station.organization_id: {station.serial}}


def test_a_repeat_is_dropped_and_counted(pipeline, station, delivery):
    message = delivery(station.serial, "readings", senml(), stream="a", seq=7, oldest=7, next_seq=8)
    pipeline.take([message])
    outcome = pipeline.take([message, message])
    assert (outcome.stored, outcome.repeats) == (0, 2)
    assert Reading.objects.count() == 1
    ledger = StreamLedger.objects.get()
    assert (ledger.messages, ledger.repeats, ledger.oldest_seq, ledger.next_seq) == (1, 2, 7, 8)


def test_the_ledger_keeps_gaps_until_they_are_filled(pipeline, station, delivery):
    for seqs in ([1, 2, 3, 7], [5], [6, 4]):
        pipeline.take([delivery(station.serial, "readings", senml(at=NOW + s), stream="a", seq=s) for s in seqs])
        if seqs == [5]:
            assert received(station) == [(1, 4), (5, 6), (7, 8)]
    assert received(station) == [(1, 8)]
    assert Reading.objects.count() == 7


def test_rows_already_here_under_another_stream_are_not_doubled(pipeline, station, delivery):
    body = {"what": "pulse", "port": 3, "bt": 1639614325, "t": [0.5266, 0.5486], "line": [2], "freq": [1.0, 2.0]}
    pipeline.take([delivery(station.serial, "detections", body, stream="live", seq=1)])
    longer = {**body, "t": [0.5266, 0.5486, 0.5681], "freq": [1.0, 2.0, 3.0]}
    pipeline.take([delivery(station.serial, "detections", longer, stream="f1-abc", seq=1)])
    assert Detection.objects.count() == 3
    assert DetectionCount.objects.get().count == 3
    at = Detection.objects.order_by("occurred_at").first().occurred_at
    assert at == datetime(2021, 12, 16, 0, 25, 25, 526600, tzinfo=UTC)


def test_tags_and_pulses_and_equal_lines_stay_apart(pipeline, station, delivery):
    tags = {
        "what": "tag",
        "port": [1, 1],
        "t": [NOW, NOW],
        "tag": ["78664c3304"] * 2,
        "rssi": [-75, -75],
        "line": [4, 5],
    }
    pulses = {"what": "pulse", "port": 1, "t": [NOW], "line": [4], "used": [False], "sig": [-38.9], "noise": [None]}
    pipeline.take(
        [
            delivery(station.serial, "detections", tags, stream="a", seq=1),
            delivery(station.serial, "detections", pulses, stream="a", seq=2),
        ]
    )
    assert Detection.objects.filter(kind=Detection.Kind.TAG, tag="78664c3304", rssi=-75).count() == 2
    pulse = Detection.objects.get(kind=Detection.Kind.PULSE)
    assert (pulse.is_used, pulse.sig, pulse.noise, pulse.tag) == (False, -38.9, None, None)


def test_positions_events_and_files_are_kept(pipeline, station, delivery):
    gps = {
        "t": [NOW, NOW],
        "lat": [44.26, None],
        "lon": [-64.2, None],
        "alt": [22.4, None],
        "line": [1, 2],
        "file": "x-all.txt",
    }
    event = {"events": [{"t": NOW, "name": "clock", "line": 3, "data": {"digits": 2, "step": 0}}], "file": "x-all.txt"}
    pipeline.take(
        [
            delivery(station.serial, "gps", gps, stream="a", seq=1),
            delivery(station.serial, "event", event, stream="a", seq=2),
        ]
    )
    assert sorted(Position.objects.values_list("line", "latitude")) == [(1, 44.26), (2, None)]
    stored = StationEvent.objects.get()
    assert (stored.name, stored.line, stored.data) == ("clock", 3, {"digits": 2, "step": 0})
    assert StationFile.objects.get().rows == 3


def test_equal_lines_of_a_pair_of_files_are_two_rows(pipeline, station, delivery):
    """Both files of a pair begin with the same clock and position lines."""
    for seq, kind in ((1, "all"), (2, "ctt")):
        file = f"changeMe-7F5ERPI46977-3-2021-12-17T01-45-42.7760Z-{kind}.txt"
        event = {"events": [{"t": NOW, "name": "clock", "line": 1}], "file": file}
        gps = {"t": [NOW], "lat": [None], "lon": [None], "line": [2], "file": file}
        for repeat in ("a", "b"):
            pipeline.take(
                [
                    delivery(station.serial, "event", event, stream=repeat, seq=2 * seq),
                    delivery(station.serial, "gps", gps, stream=repeat, seq=2 * seq + 1),
                ]
            )
    assert StationEvent.objects.count() == 2
    assert Position.objects.count() == 2


def test_a_plain_client_is_taken_and_shown_as_unsequenced(pipeline, station, delivery):
    message = delivery(station.serial, "readings", senml())
    pipeline.take([message])
    pipeline.take([message])
    assert Reading.objects.count() == 1
    assert UnsequencedCount.objects.get().messages == 2


def test_suspicious_times_are_kept_and_marked_and_never_the_newest(pipeline, station, delivery):
    times = {
        0.0 + 400: 0,
        946684811.244: Suspicion.EPOCH,
        NOW + 86_400: Suspicion.FUTURE,
        1_000_000_000: Suspicion.ANCIENT,
    }
    del times[400]
    pack = [{"n": "t", "v": i, "t": at} for i, at in enumerate(times)] + [{"n": "t", "v": 99, "t": NOW - 5}]
    pipeline.take([delivery(station.serial, "readings", pack, stream="a", seq=1)])
    flags = {r.value: r.flags for r in Reading.objects.all()}
    assert flags == {0: Suspicion.EPOCH, 1: Suspicion.FUTURE, 2: Suspicion.ANCIENT, 99: 0}
    assert Series.objects.get().last_value == 99


BAD = {
    "malformed": (b'[{"n":"a"', {}, "bad-json"),
    "empty": (b"", {}, "bad-json"),
    "nan": (b'[{"n":"a","v":NaN}]', {}, "bad-json"),
    "huge number": (b'[{"n":"a","v":1e999}]', {}, "bad-fields"),
    "deep": (b'[{"n":"a","v":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", {}, "too-deep"),
    "nul": (b'[{"n":"a","vs":"x\\u0000y"}]', {}, "bad-text"),
    "not utf-8": (b'[{"n":"\xe9","v":1}]', {}, "bad-json"),
    "zip bomb": (gzip.compress(b" " * 20_000_000), {"content_encoding": "gzip"}, "too-large"),
    "torn gzip": (gzip.compress(b'[{"n":"a","v":1}]')[:-4], {"content_encoding": "gzip"}, "bad-compression"),
    "python pickle": (b"x", {"content_type": "application/x-python-serialize"}, "content-type"),
    "unknown encoding": (b"x", {"content_encoding": "br"}, "content-encoding"),
    "oversized": (b" " * 1_048_577, {}, "too-large"),
    "must understand": (b'[{"n":"a","v":1,"zz_":1}]', {}, "must-understand"),
    "bad name": (b'[{"n":" a","v":1}]', {}, "bad-name"),
    "far time": (b'[{"n":"a","v":1,"t":1e15}]', {}, "bad-time"),
    "another's login": (b'[{"n":"a","v":1}]', {"user_id": "st.SG-OTHER.1"}, "wrong-sender"),
    "another's name": (b'[{"bn":"urn:roost:SG-OTHER:","n":"a","v":1}]', {}, "wrong-sender"),
    "wrong type": (b"[]", {"type": "teapot"}, "bad-envelope"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_message_is_quarantined_and_its_neighbours_are_stored(case, pipeline, station, delivery):
    raw, properties, reason = BAD[case]
    good = [delivery(station.serial, "readings", senml(at=NOW + s), stream="a", seq=s) for s in (1, 3)]
    bad = delivery(station.serial, "readings", raw, stream="a", seq=2, **properties)
    outcome = pipeline.take([good[0], bad, good[1]])
    assert (outcome.stored, outcome.quarantined) == (2, 1)
    held = QuarantinedMessage.objects.get()
    assert (held.reason, held.station, held.body_bytes, held.seq) == (reason, station, len(raw), 2)
    assert held.sentence.endswith(".")
    assert received(station) == [(1, 4)]


def test_a_version_from_the_future_is_kept_whole(pipeline, station, delivery):
    message = delivery(station.serial, "readings", b"{}", stream="a", seq=1)
    message.properties["application_headers"]["v"] = 99
    pipeline.take([message])
    assert QuarantinedMessage.objects.get().reason == "future-version"
    assert bytes(QuarantinedMessage.objects.get().body) == b"{}"


def test_headers_of_a_refused_message_beyond_their_bounds_are_counted_and_cut_with_a_mark(pipeline, station, delivery):
    message = delivery(station.serial, "readings", b"{", stream="a", seq=1)
    headers = message.properties["application_headers"]
    known = len(headers)
    headers |= {"long": "x" * 400} | {f"h{number:03}": number for number in range(100)}
    pipeline.take([message])
    kept = QuarantinedMessage.objects.get().properties["application_headers"]
    assert (len(kept), kept["…"]) == (65, known + 101 - 64)
    assert kept["long"] == "x" * 299 + "…"


def test_an_unknown_sender_and_an_unknown_kind_are_quarantined(pipeline, station, delivery):
    pipeline.take(
        [
            delivery("SG-NOBODY", "readings", senml(), stream="a", seq=1),
            delivery(station.serial, "weather-report", {}, stream="a", seq=1),
        ]
    )
    assert set(QuarantinedMessage.objects.values_list("reason", "station")) == {
        ("unknown-station", None),
        ("unknown-kind", station.id),
    }


def test_a_message_that_the_database_refuses_costs_only_itself(pipeline, station, delivery, monkeypatch):
    """A handler with a bug: the batch is halved until the one message is found, and it is accounted for."""
    from fleet.ingest import handlers as registry

    real = registry.handlers()["readings"]

    def breaks(arrival, batch):
        if arrival.message.envelope.seq == 250:
            raise ZeroDivisionError
        real(arrival, batch)

    monkeypatch.setitem(registry.handlers(), "readings", breaks)
    # Even on a slow machine, the search for that message is not postponed.
    monkeypatch.setattr(pipelines, "PARTS_S", 600.0)
    batch = [delivery(station.serial, "readings", senml(at=NOW + s), stream="a", seq=s) for s in range(1, 501)]
    outcome = pipeline.take(batch)
    assert (outcome.stored, outcome.quarantined) == (499, 1)
    assert Reading.objects.count() == 499
    assert received(station) == [(1, 501)]
    assert QuarantinedMessage.objects.get().reason == "not-stored"
    assert pipeline.take(batch).repeats == 500


def test_contact_moves_to_on_time_with_the_announced_rhythm(pipeline, station, delivery):
    health = {"at": NOW, "next_in": 600, "battery_v": 12.4, "backlog": {"messages": 5, "bytes": 900}}
    pipeline.take([delivery(station.serial, "health", health, stream="a", seq=1)])
    contact = StationContact.objects.get(station=station)
    assert (contact.state, contact.announced_interval_s, contact.backlog_messages) == ("on_time", 600, 5)
    assert contact.health["battery_v"] == 12.4
    wait = contact.silent_after - contact.last_contact_at
    assert wait == timedelta(seconds=3 * 600 + 10)
    assert Series.objects.get(name="health/battery_v").last_value == 12.4


def test_a_backlog_is_over_when_the_last_number_of_it_is_here(pipeline, station, delivery):
    health = {"at": NOW, "backlog": {"messages": 2, "bytes": 900}}

    def waits(kind, body, seq, **numbers):
        pipeline.take([delivery(station.serial, kind, body, seq=seq, **{"stream": "a", "oldest": 2, **numbers})])
        contact = StationContact.objects.get(station=station)
        return contact.backlog_messages, contact.backlog_bytes

    assert waits("health", health, 4, next_seq=5) == (2, 900)
    assert waits("readings", senml(), 1, stream="f1-file", oldest=1, next_seq=2) == (2, 900)
    # Sent before number 4 was written, so its counts are older than what is known.
    assert waits("readings", senml(at=NOW + 2), 2, next_seq=3) == (2, 900)
    assert waits("readings", senml(at=NOW + 3), 3, next_seq=5) == (0, 0)
    # The report counts the messages that arrived with it, as the hello after a start does.
    pipeline.take(
        [
            delivery(station.serial, "readings", senml(at=NOW + 5), stream="a", seq=5, oldest=5, next_seq=7),
            delivery(station.serial, "health", {**health, "at": NOW + 1}, stream="a", seq=6, oldest=5, next_seq=7),
        ]
    )
    assert StationContact.objects.get().backlog_messages == 0
    assert Series.objects.get(name="health/backlog_messages").last_value == 2


def test_late_health_never_replaces_newer_health(pipeline, station, delivery):
    pipeline.take([delivery(station.serial, "health", {"at": NOW, "battery_v": 12.0}, stream="a", seq=2)])
    pipeline.take([delivery(station.serial, "health", {"at": NOW - 900, "battery_v": 9.0}, stream="a", seq=1)])
    assert StationContact.objects.get().health["battery_v"] == 12.0
    assert Series.objects.get(name="health/battery_v").last_value == 12.0
    assert Reading.objects.count() == 2


def test_a_station_has_a_most_of_series(pipeline, station, delivery, monkeypatch):
    monkeypatch.setattr("fleet.ingest.memory.series.SERIES_MOST", 3)
    packs = [delivery(station.serial, "readings", senml(f"s{i}"), stream="a", seq=i + 1) for i in range(5)]
    outcome = pipeline.take(packs)
    assert (outcome.stored, outcome.quarantined) == (3, 2)
    assert Series.objects.count() == 3


def test_command_states_move_and_late_words_are_notes(pipeline, station, delivery):
    moment = datetime.now(tz=UTC)
    command = Command.objects.create(
        station=station, name="ping", issued_at=moment, expires_at=moment + timedelta(hours=1), state="sent"
    )
    words = ["received", "running", "succeeded", "failed"]
    pipeline.take(
        [
            delivery(
                station.serial,
                "command_status",
                {"command": str(command.id), "state": word, "at": NOW + i, "result": {"ok": True}},
                stream="a",
                seq=i + 1,
            )
            for i, word in enumerate(words)
        ]
    )
    command.refresh_from_db()
    assert (command.state, command.result) == ("succeeded", {"ok": True})
    assert [(s.state, s.is_applied) for s in command.steps.all()] == [
        ("received", True),
        ("running", True),
        ("succeeded", True),
        ("failed", False),
    ]


def test_a_station_cannot_report_on_anothers_command(pipeline, make_station, delivery):
    mine, other = make_station(), make_station()
    moment = datetime.now(tz=UTC)
    command = Command.objects.create(
        station=mine, name="ping", issued_at=moment, expires_at=moment + timedelta(hours=1), state="sent"
    )
    word = {"command": str(command.id), "state": "succeeded", "at": NOW}
    pipeline.take([delivery(other.serial, "command_status", word, stream="a", seq=1)])
    command.refresh_from_db()
    assert command.state == "sent"
    assert command.steps.count() == 0
    assert QuarantinedMessage.objects.get().reason == "unknown-command"


def test_a_clock_that_jumps_is_an_event_and_a_late_report_is_no_jump(pipeline, station, delivery):
    # How late a report is depends on the current time.
    now = time.time()

    def report(seq, sent, at):
        message = delivery(station.serial, "health", {"at": at}, stream="a", seq=seq, timestamp=int(sent))
        pipeline.take([message])
        return StationContact.objects.get(station=station).clock_offset_s

    assert abs(report(1, now, now)) < 60
    assert abs(report(2, now, now - 86_400)) < 60, "the report is a day old, the clock is right"
    assert not StationEvent.objects.filter(name="clock_jump").exists()
    assert report(3, now + 3_600, now + 3_600) > 3_500
    event = StationEvent.objects.get(name="clock_jump")
    assert event.data["after_s"] - event.data["before_s"] > 3_500
