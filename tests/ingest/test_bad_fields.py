"""A bad field costs only that field: its neighbours are stored, and what was left out is named."""

import gzip
import json
import time

import pytest

from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.replay import messages_retake
from fleet.stations.models import StationContact
from fleet.telemetry.models import Detection, Position, Reading, Series, StationEvent
from message_queue.salvage import SALVAGE_MOST

pytestmark = pytest.mark.django_db
NOW = float(int(time.time()))


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = iter(range(1, 100))

    def sent(kind, body):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return pipeline.take([delivery(station.serial, kind, raw, stream="a", seq=next(numbers))])

    return sent


def held():
    message = QuarantinedMessage.objects.get()
    return message.reason, message.sentence


BAD_VALUES = {
    "NaN": b'{"n":"bad","v":NaN}',
    "Infinity": b'{"n":"bad","v":-Infinity}',
    "a number in quotes": b'{"n":"bad","v":"7.5"}',
    "1e999": b'{"n":"bad","v":1e999}',
    "a name with a blank": b'{"n":"b ad","v":1}',
    "a name in capitals of another script": '{"n":"Темп","v":1}'.encode(),
    "a time that is a text": b'{"n":"bad","v":1,"t":"noon"}',
    "a unit that is a number": b'{"n":"bad","v":1,"u":7}',
    "two values": b'{"n":"bad","v":1,"vs":"x"}',
    "half a character": b'{"n":"bad","vs":"\\ud800"}',
    "NUL": b'{"n":"bad","vs":"\\u0000"}',
    "a list": b'{"n":"bad","v":[1]}',
    "no object": b'"bad"',
    "must be understood": b'{"n":"bad","v":1,"x_":1}',
    "no value": b'{"n":"bad"}',
    "true for a number": b'{"n":"bad","v":true}',
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_bad_record_costs_the_record(case, send):
    outcome = send("readings", b'[{"n":"good","v":1},' + BAD_VALUES[case] + b',{"n":"fine","v":2}]')
    assert (outcome.stored, outcome.partial, outcome.quarantined) == (1, 1, 0)
    assert dict(Series.objects.values_list("name", "last_value")) == {"good": 1, "fine": 2}
    reason, sentence = held()
    assert reason == "left-out"
    assert sentence.startswith("1 part was left out, the rest of the message was stored.")


def test_what_relies_on_a_bad_base_field_is_left_out_until_it_is_set_again(send):
    send(
        "readings",
        [
            {"bt": NOW, "n": "a", "v": 1},
            {"bt": "soon", "n": "b", "v": 2},
            {"n": "c", "v": 3},
            {"bt": NOW - 5, "n": "d", "v": 4},
            {"bu": 5, "n": "e", "v": 5},
            {"u": "V", "n": "f", "v": 6},
        ],
    )
    assert sorted(Series.objects.values_list("name", flat=True)) == ["a", "d", "f"]
    assert "relies on 'bt'" in held()[1]


def test_5_000_bad_records_are_one_refusal_with_a_summary(send):
    began = time.process_time()
    outcome = send("readings", [{"n": f"s{i}", "v": "x"} for i in range(4_999)] + [{"n": "good", "v": 1}])
    assert time.process_time() - began < 5
    assert (outcome.stored, outcome.partial) == (1, 1)
    _reason, sentence = held()
    assert "4999 parts were left out" in sentence
    assert "and 4989 more" in sentence
    assert len(sentence) < 2_000


def test_a_message_of_bad_records_only_is_refused_whole_with_its_reason(send):
    outcome = send("readings", [{"n": "a", "v": "x"}, {"n": "b c", "v": 1}])
    assert (outcome.stored, outcome.partial, outcome.quarantined) == (0, 0, 1)
    assert held()[0] == "bad-fields"
    assert "nothing of the message could be stored" in held()[1]


def test_a_long_body_is_refused_whole_as_looking_through_it_would_cost_its_neighbours(pipeline, station, delivery):
    body = gzip.compress(b'[{"n":"good","v":1},{"n":"bad","v":NaN}' + b" " * SALVAGE_MOST + b"]")
    message = delivery(station.serial, "readings", body, stream="a", seq=1, content_encoding="gzip")
    outcome = pipeline.take([message])
    assert (outcome.stored, outcome.quarantined) == (0, 1)


def test_health_keeps_what_fits(send):
    outcome = send(
        "health",
        b'{"at":%d,"boot_count":"000NaN","memory_percent":100.4,"temperature_c":NaN,"disk_percent":50,"battery_v":"12.6",'
        b'"solar_v":18.5,"next_in":600,"warnings":["%s","disk is slow"],"radios":[{"port":1,"type":"rtl"},{"port":"x"}]}'
        % (NOW, b"w" * 300),
    )
    assert (outcome.stored, outcome.partial) == (1, 1)
    contact = StationContact.objects.get()
    assert contact.announced_interval_s == 600
    assert contact.health["warnings"] == ["disk is slow"]
    assert contact.health["radios"] == [{"port": 1, "type": "rtl"}]
    assert not {"boot_count", "memory_percent", "temperature_c", "battery_v"} & set(contact.health)
    named = dict(Series.objects.values_list("name", "last_value"))
    assert (named["health/disk_percent"], named["health/solar_v"]) == (50, 18.5)
    sentence = held()[1]
    for place in ("boot_count", "memory_percent", "temperature_c", "battery_v", "warnings[0]", "radios[1].port"):
        assert place in sentence


def test_a_hello_keeps_what_fits(send):
    send(
        "hello",
        {"at": NOW, "profile": "normal", "boot_count": -1, "hardware": {"model": "Pi", "x" * 200: 1, "cpus": [4]}},
    )
    contact = StationContact.objects.get()
    assert (contact.hello["profile"], contact.hello["hardware"]) == ("normal", {"model": "Pi"})
    assert "boot_count" in held()[1]


def test_a_report_without_its_time_is_refused_whole(send):
    outcome = send("health", {"at": "noon", "disk_percent": 50})
    assert (outcome.stored, outcome.quarantined) == (0, 1)
    assert held()[0] == "bad-fields"


def test_an_event_costs_only_itself(send):
    send(
        "event",
        {
            "events": [
                {"t": NOW, "name": "ok"},
                {"t": NOW, "name": ""},
                {"t": None, "name": "x"},
                {"t": NOW, "name": "fine"},
            ]
        },
    )
    assert sorted(StationEvent.objects.values_list("name", flat=True)) == ["fine", "ok"]
    assert "events[1].name" in held()[1]


def test_a_bad_figure_of_a_column_is_missing_and_a_bad_time_costs_its_row_only(send):
    body = (
        b'{"what":"pulse","port":1,"bt":%d,"t":[1,"x",3,4],"line":[10],"freq":[1.5,2.5,NaN,4.5],"sig":[-1,-2,-3,"y"]}'
        % NOW
    )
    send("detections", body)
    rows = Detection.objects.order_by("line").values_list("line", "freq", "sig")
    assert list(rows) == [(10, 1.5, -1), (12, None, -3), (13, 4.5, None)]
    sentence = held()[1]
    assert all(place in sentence for place in ("t[1]", "freq[2]", "sig[3]"))


def test_a_fix_beyond_the_pole_is_one_that_was_not_had(send):
    send("gps", {"t": [NOW, NOW + 1], "lat": [44.1, 91], "lon": [-64.2, -64.2]})
    assert list(Position.objects.order_by("occurred_at").values_list("latitude", flat=True)) == [44.1, None]
    assert "lat[1]" in held()[1]


def test_a_replay_after_a_mend_adds_what_was_left_out_and_doubles_nothing(send, station):
    Series.objects.create(station=station, name="t", unit="mm", dimension="m", created_at="2026-01-01T00:00Z")
    send("readings", [{"n": "t", "u": "km", "v": 1e305, "t": NOW}, {"n": "u", "v": 2, "t": NOW}])
    assert Reading.objects.count() == 1
    messages = list(QuarantinedMessage.objects.all())
    assert messages_retake(messages, decided_by="x").partial == 1
    assert Reading.objects.count() == 1
    Series.objects.filter(name="t").update(unit="km")
    again = messages_retake(list(QuarantinedMessage.objects.filter(state="held")), decided_by="x")
    assert (again.stored, again.partial) == (1, 0)
    assert sorted(Reading.objects.values_list("series__name", "value")) == [("t", 1e305), ("u", 2)]
    assert QuarantinedMessage.objects.filter(state="held").count() == 0
