"""The codec under hostile input, SenML by the rules of RFC 8428, and names on the broker."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message_queue import codec, routing
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import command_decode
from message_queue.contracts.readings import resolve
from message_queue.errors import CommandRefused, MessageRefused, SerialNotAllowed

NOW = 1_763_690_000.0


def said_about(properties, kind, raw):
    """`taken`, or the sentence of the refusal; any other exception fails the test."""
    try:
        codec.decode(properties, kind, "A", raw)
    except MessageRefused as error:
        return error.reason and str(error)
    return "taken"


def pack(*records):
    body = codec.decode({}, "readings", "A", json.dumps(records).encode()).body
    return resolve(body, NOW)


def test_base_values_hold_until_they_are_set_again():
    rows = pack(
        {"bn": "dev:", "bt": 1.7e9, "bu": "Cel", "bv": 10, "n": "a", "v": 1},
        {"n": "b", "v": 2, "t": 5, "u": "V"},
        {"bn": "", "n": "c", "vb": True, "t": -5},
    )
    assert rows == [
        ("dev:a", 1.7e9, 11.0, "Cel", None),
        ("dev:b", 1.7e9 + 5, 12.0, "V", None),
        ("c", 1.7e9 - 5, 1.0, "Cel", None),
    ]


def test_times_near_zero_are_relative_to_the_moment_of_receipt():
    assert [row[1] for row in pack({"n": "a", "v": 1}, {"n": "a", "v": 1, "t": -3})] == [NOW, NOW - 3]


def test_text_sum_and_base_value_alone_are_rows_too():
    rows = pack({"n": "a", "vs": "open"}, {"n": "e", "s": 5.0}, {"n": "z", "bv": 7.0})
    assert [(r[0], r[2], r[4]) for r in rows] == [("a", 0.0, "open"), ("e:sum", 5.0, None), ("z", 7.0, None)]


def test_a_base_name_that_names_the_sender_is_taken_off():
    assert pack({"bn": "urn:roost:A:", "n": "t", "v": 1})[0][0] == "t"


@given(st.binary(max_size=300), st.sampled_from(["readings", "detections", "gps", "event", "hello", "health"]))
def test_any_bytes_are_taken_or_refused_with_a_sentence(raw, kind):
    assert said_about({"type": kind}, kind, raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["what", "port", "t", "bt", "line", "freq", "sig", "tag", "events", "at", "lat", "lon"]),
        json_values,
    ),
    st.dictionaries(st.sampled_from(["v", "stream", "seq", "oldest", "next"]), json_values),
)
def test_any_json_and_any_headers_are_taken_or_refused_with_a_sentence(body, headers):
    raw = json.dumps(body).encode()
    for kind in ("readings", "detections", "gps", "event", "hello", "health", "command_status"):
        assert said_about({"application_headers": headers}, kind, raw)


@pytest.mark.parametrize("serial", ["", "a.b", "a*", "#", "a b", "ä", "x" * 65, "a\n", "a/b"])
def test_a_serial_that_could_reach_another_station_is_refused(serial):
    with pytest.raises(SerialNotAllowed, match="letters, digits"):
        routing.station_exchange(serial)


def test_permissions_match_one_station_only():
    import re

    rights = routing.station_permissions("SG-1")
    assert re.fullmatch(rights["write"], "in.SG-1")
    for other in ("in.SG-12", "in.SG_1", "in-SG-1", "cmd.SG-1", "xin.SG-1"):
        assert not re.search(rights["write"], other)
    assert rights["configure"] == "^$"


def test_unknown_parameters_of_a_command_are_refused():
    contract = command_contracts()["set_reporting_interval"]
    assert contract.parameters_check({"seconds": 60}).seconds == 60
    for wrong in ({}, {"seconds": 5}, {"seconds": 60, "more": 1}, {"seconds": "soon"}):
        with pytest.raises(CommandRefused, match="set_reporting_interval"):
            contract.parameters_check(wrong)
    with pytest.raises(CommandRefused, match="not a command"):
        command_decode(b'{"id":1}')
