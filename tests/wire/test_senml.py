"""SenML as RFC 8428 defines it: its own examples with their resolved values, and the cases it leaves open."""

import json

import pytest

from message_queue.contracts.readings import resolve
from message_queue.errors import MessageRefused
from message_queue.intake import message_read
from message_queue.left_out import LeftOut

NOW = 1_763_690_000.0
DEVICE = "urn:dev:ow:10e2073a01080063"


def read(*records, **properties):
    return message_read(properties, "readings", "A", json.dumps(records).encode())


def resolved(*records):
    return [
        (name, at, value, unit) for name, at, value, unit, text in resolve(read(*records).body, NOW) if text is None
    ]


def test_5_1_1_a_single_data_point():
    assert resolved({"n": DEVICE, "u": "Cel", "v": 23.1}) == [(DEVICE, NOW, 23.1, "Cel")]


def test_5_1_2_voltage_and_current_of_one_device():
    rows = resolved({"bn": f"{DEVICE}:", "n": "voltage", "u": "V", "v": 120.1}, {"n": "current", "u": "A", "v": 1.2})
    assert rows == [(f"{DEVICE}:voltage", NOW, 120.1, "V"), (f"{DEVICE}:current", NOW, 1.2, "A")]


def test_5_1_2_currents_before_a_base_time():
    before = [(-5, 1.2), (-4, 1.3), (-3, 1.4), (-2, 1.5), (-1, 1.6), (0, 1.7)]
    rows = resolved(
        {"bn": f"{DEVICE}:", "bt": 1.276020076001e9, "bu": "A", "bver": 5, "n": "voltage", "u": "V", "v": 120.1},
        *({"n": "current", "t": t, "v": v} for t, v in before),
    )
    assert rows[0] == (f"{DEVICE}:voltage", 1276020076.001, 120.1, "V")
    assert rows[1:] == [(f"{DEVICE}:current", 1276020076.001 + t, v, "A") for t, v in before]


def test_5_1_3_humidity_and_where_it_was_measured_under_one_name():
    rows = resolved(
        {"bn": DEVICE, "bt": 1.320067464e9, "bu": "%RH", "v": 20},
        {"u": "lon", "v": 24.30621},
        {"u": "lat", "v": 60.07965},
        {"t": 60, "v": 20.3},
        {"u": "lon", "t": 60, "v": 24.30622},
        {"u": "lat", "t": 60, "v": 60.07965},
        {"t": 120, "v": 20.7},
        {"u": "lon", "t": 120, "v": 24.30623},
        {"u": "lat", "t": 120, "v": 60.07966},
        {"u": "%EL", "t": 150, "v": 98},
        {"t": 180, "v": 21.2},
        {"u": "lon", "t": 180, "v": 24.30628},
        {"u": "lat", "t": 180, "v": 60.07967},
    )
    assert {name for name, *_ in rows} == {DEVICE}
    assert [(at - 1320067464, v) for _, at, v, u in rows if u == "%RH"] == [
        (0, 20),
        (60, 20.3),
        (120, 20.7),
        (180, 21.2),
    ]
    assert [v for *_, v, u in rows if u == "lon"] == [24.30621, 24.30622, 24.30623, 24.30628]
    assert [v for *_, v, u in rows if u == "lat"] == [60.07965, 60.07965, 60.07966, 60.07967]
    assert [(at, v) for _, at, v, u in rows if u == "%EL"] == [(1320067614, 98)]


def test_5_1_4_resolved_records_stay_what_they_are():
    records = [{"n": f"{DEVICE}:current", "u": "A", "t": 1.276020071001e9 + i, "v": 1.2 + i / 10} for i in range(6)]
    assert resolved(*records) == [(r["n"], r["t"], r["v"], r["u"]) for r in records]


def test_5_1_5_several_types_of_values():
    rows = resolve(
        read(
            {"bn": f"{DEVICE}:", "n": "temp", "u": "Cel", "v": 23.1},
            {"n": "label", "vs": "Machine Room"},
            {"n": "open", "vb": False},
            {"n": "nfc-reader", "vd": "aGkgCg"},
        ).body,
        NOW,
    )
    assert [(name.removeprefix(f"{DEVICE}:"), value, text) for name, _, value, _, text in rows] == [
        ("temp", 23.1, None),
        ("label", 0.0, "Machine Room"),
        ("open", 0.0, None),
        ("nfc-reader", 0.0, "aGkgCg"),
    ]


def test_5_1_6_a_collection_of_resources():
    rows = resolved(
        {"bn": "2001:db8::2/", "bt": 1.320078429e9, "n": "temperature", "u": "Cel", "v": 25.2},
        {"n": "humidity", "u": "%RH", "v": 30},
        {"bn": "2001:db8::1/", "n": "temperature", "u": "Cel", "v": 12.3},
        {"n": "humidity", "u": "%RH", "v": 67},
    )
    assert rows == [
        ("2001:db8::2/temperature", 1320078429, 25.2, "Cel"),
        ("2001:db8::2/humidity", 1320078429, 30, "%RH"),
        ("2001:db8::1/temperature", 1320078429, 12.3, "Cel"),
        ("2001:db8::1/humidity", 1320078429, 67, "%RH"),
    ]


def test_5_1_7_a_record_of_only_base_fields_sets_and_measures_nothing():
    rows = resolved(
        {"bn": f"{DEVICE}:"},
        {"n": "temp", "u": "Cel", "v": 23.1},
        {"n": "heat", "u": "/", "v": 1},
        {"n": "fan", "u": "/", "v": 0},
    )
    assert [row[0].removeprefix(f"{DEVICE}:") for row in rows] == ["temp", "heat", "fan"]


def test_5_2_and_5_3_switches_and_lights():
    rows = resolved(
        {"bt": 1.320078429e9, "bu": "/", "n": "2001:db8::3", "v": 0.5},
        {"n": "2001:db8::4", "v": 0.5},
        {"n": "2001:db8::3", "t": 0.1, "v": 0},
        {"n": "2001:db8::4", "t": 0.1, "v": 0},
    )
    assert [(at - 1.320078429e9, v, u) for _, at, v, u in rows] == [
        (0, 0.5, "/"),
        (0, 0.5, "/"),
        (pytest.approx(0.1), 0, "/"),
        (pytest.approx(0.1), 0, "/"),
    ]


def test_the_example_of_our_own_page_is_taken():
    rows = resolved(
        {"bn": "urn:roost:A:", "bt": 1763600000},
        {"n": "temperature", "u": "Cel", "v": 21.5},
        {"n": "humidity", "u": "%RH", "v": 40, "t": 60},
    )
    assert rows == [("temperature", 1763600000, 21.5, "Cel"), ("humidity", 1763600060, 40, "%RH")]


def test_a_sum_stands_beside_its_value_in_unit_seconds():
    rows = resolved({"n": "power", "u": "W", "v": 12, "s": 3600}, {"n": "heat", "u": "Cel", "s": 5}, {"n": "x", "s": 1})
    assert rows == [
        ("power", NOW, 12, "W"),
        ("power:sum", NOW, 3600, "J"),
        ("heat:sum", NOW, 5, "Cel.s"),
        ("x:sum", NOW, 1, ""),
    ]


def test_a_base_sum_counts_beside_a_value_and_for_a_sum():
    rows = resolved({"bs": 100, "n": "e", "u": "A", "v": 5}, {"n": "e", "u": "A", "t": 1, "s": 7})
    assert rows == [("e", NOW, 5, "A"), ("e:sum", NOW, 100, "C"), ("e:sum", NOW + 1, 107, "C")]


def test_a_base_value_alone_is_the_value_but_not_of_a_record_of_base_fields():
    assert resolved({"bn": "x", "bv": 20}, {"t": 1}, {"t": 2, "v": 0.5}) == [
        ("x", NOW + 1, 20, ""),
        ("x", NOW + 2, 20.5, ""),
    ]


def test_a_base_value_makes_no_value_beside_a_sum_or_a_text():
    rows = resolve(
        read({"bn": "x:", "bv": 20}, {"n": "a", "s": 3}, {"n": "b", "vs": "on"}, {"n": "c", "vb": True}).body, NOW
    )
    assert [(name, value, text) for name, _, value, _, text in rows] == [
        ("x:a:sum", 3, None),
        ("x:b", 0, "on"),
        ("x:c", 1, None),
    ]


@pytest.mark.parametrize(
    ("record", "reason", "said"),
    [
        ({"n": "a", "v": 1, "vs": "one"}, "two-values", "'v' and 'vs'"),
        ({"n": "a", "vb": True, "vd": "eA"}, "two-values", "'vb' and 'vd'"),
        ({"n": "a", "u": "V"}, "no-value", "no value"),
        ({"v": 1}, "bad-name", "''"),
        ({"n": "a b", "v": 1}, "bad-name", "'a b'"),
        ({"n": "a", "v": 1e308, "bv": 1e308}, "bad-fields", "too large"),
    ],
)
def test_a_record_that_cannot_be_resolved_is_refused_by_name_and_its_neighbours_are_not(record, reason, said):
    body = read({"n": "before", "v": 1}, record, {"n": "after", "bv": 0, "v": 2}).body
    with pytest.raises(MessageRefused, match=said) as refused:
        resolve(body, NOW)
    assert refused.value.reason == reason
    left_out = LeftOut()
    assert [row[0] for row in resolve(body, NOW, left_out)] == ["before", "after"]
    assert left_out.count == 1
    assert said in left_out.sentence()


@pytest.mark.parametrize("name", ["urn:roost:B:", "urn:roost:B", "urn:roost:b:"])
def test_a_base_name_of_another_station_is_refused_wherever_it_stands(name):
    for records in (
        [{"bn": name, "n": "t", "v": 1}],
        [{"n": "t", "v": 1}, {"bn": name, "n": "t", "v": 1}],
        [{"bn": "urn:roost:A:", "n": "t", "v": 1}, {"bn": name}, {"n": "t", "v": 1}],
    ):
        with pytest.raises(MessageRefused) as refused:
            read(*records)
        assert refused.value.reason == "wrong-sender"


def test_a_name_of_another_station_hidden_by_an_escape_is_found():
    raw = b'[{"n":"t","v":1},{"bn":"\\u0075rn:roost:B:","n":"t","v":1}]'
    with pytest.raises(MessageRefused) as refused:
        message_read({}, "readings", "A", raw)
    assert refused.value.reason == "wrong-sender"


def test_a_stream_of_senml_is_taken_by_its_content_type():
    assert read({"n": "t", "v": 1}, content_type="application/sensml+json").body[0].v == 1


def test_a_newer_version_of_senml_is_refused_whole():
    with pytest.raises(MessageRefused, match="version 11"):
        resolve(read({"bver": 11, "n": "t", "v": 1}).body, NOW, LeftOut())
