"""Every line that a station writes is parsed, or sent unchanged."""

import math
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.lines import Fix, Note, TagLine
from formats.sensorgnome.lines import PulseLine, line_parse
from formats.sensorgnome.messages import messages_make, moments_fill
from formats.sensorgnome.names import FileName
from message_queue.contracts.event import Event, Happening

FILE = FileName("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt", 1_639_614_301_659_000, "Z", "all")


def test_pulse_of_v1_and_early_v2():
    assert line_parse("p3,1639614325.5266,2.637,-38.87,-53.61") == PulseLine(
        3, 1_639_614_325_526_600, 2.637, -38.87, -53.61, None, True, False
    )


def test_pulse_of_a_v2_radio_has_a_ratio():
    pulse = line_parse("p6,1681004979.0929,3.785,-29.66,-54.81,25.6")
    assert (pulse.snr, pulse.used, pulse.marked) == (25.6, True, False)


@pytest.mark.parametrize(("letter", "used"), [("p", True), ("n", False)])
def test_pulse_of_the_current_writer_says_whether_it_was_used(letter, used):
    pulse = line_parse(f"{letter}10,1681004979.0929,3.8,-29,-54,25")
    assert (pulse.port, pulse.used, pulse.marked) == (10, used, True)


@pytest.mark.parametrize("word", ["undefined", "null", "NaN", "", "-Infinity"])
def test_figures_that_the_station_did_not_have_are_missing(word):
    assert line_parse(f"p1,1639614325.5266,{word},-38.87,-53.61").freq is None


def test_tags_with_and_without_strength():
    assert line_parse("T1,1639614305.186,78664c3304,-75") == TagLine(1, 1_639_614_305_186_000, "78664c3304", -75.0)
    assert line_parse("T4,1557450282.889,04452182") == TagLine(4, 1_557_450_282_889_000, "04452182", None)


def test_positions():
    assert line_parse("G,1504282346,44.267386667,-64.25947,22.4") == Fix(
        1_504_282_346_000_000, 44.267386667, -64.25947, 22.4
    )
    assert line_parse("G,undefined,undefined,undefined,undefined") == Fix(None, None, None, None)
    assert line_parse("G,1504282346,undefined,undefined,undefined").lat is None


def test_clock_lines():
    assert line_parse("C,1639614323.301,2,0") == Note(1_639_614_323_301_000, "clock", None, {"digits": 2, "step": 0.0})
    assert line_parse("C,1561257097.681,6,8.6e-7").data == {"digits": 6, "step": 8.6e-7}
    assert line_parse("C,1561257097.681,-1,0").data["digits"] == -1


def test_settings_in_all_their_forms():
    assert line_parse("S,1639705543.152,3,frequency,166.376,0,") == Note(
        1_639_705_543_152_000,
        "setting",
        3,
        {"param": "frequency", "value": 166.376, "error_code": 0.0, "error": ""},
    )
    assert line_parse("S,1366227448.192,5,-m,166.376,0,").data["param"] == "-m"
    assert line_parse("S,1366227448.192,5,-w,0x07,1,").data["value"] == "0x07"
    assert line_parse("S,1366227448.192,5,gain,undefined,1,no such device, port gone").data == {
        "param": "gain",
        "value": None,
        "error_code": 1.0,
        "error": "no such device, port gone",
    }
    assert line_parse("S,946684811.244,3,frequency,151.496,0,").at == 946_684_811_244_000


def test_filter_lines_are_not_the_clashing_f_of_the_tag_finder():
    assert line_parse("F3,1681004979,3600,71000,1200,300").data == {
        "duration_s": 3600.0,
        "pulses": 71000.0,
        "used": 1200.0,
        "bursts": 300.0,
    }
    assert line_parse("F,1681004979").name == "unparsed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "p3,1639614325.5266,2.637,-38.87",
        "p,1639614325.5266,2.637,-38.87,-53.61",
        "p3,1e999,2.637,-38.87,-53.61",
        "p3,1639614325.5266,1e999,-38.87,-53.61",
        "p3,1639614325.5266,1_000,-38.87,-53.61",
        "p3,999999999999,2.637,-38.87,-53.61",
        "p³,1639614325.5266,2.637,-38.87,-53.61",
        "p1234,1639614325.5266,2.637,-38.87,-53.61",
        "T1,1639614305.186,not-a-tag,-75",
        "G,1504282346,144.2,-64.2,22",
        "C,1639614323.301,two,0",
        "L6,1681004878.702,TestTags#1.1@166.38:25.1,3.809,0.011,-25.5,1.18,-54.4,1,3,0.0005,4.96e-05,166.38",
        "p3,16396143\x00\x00\x00",
    ],
)
def test_what_is_none_of_these_keeps_its_text(text):
    note = line_parse(text)
    assert note.name == "unparsed"
    assert note.data["text"] == text[:200].replace("\x00", "\ufffd")


@given(st.text(max_size=400))
def test_any_line_becomes_something_that_the_wire_takes(text):
    line = line_parse(text)
    for message in messages_make(moments_fill([(1, line)], FILE.start), FILE):
        assert b"\x00" not in msgspec.json.encode(message.body)
        msgspec.json.decode(msgspec.json.encode(message.body), type=type(message.body))


@given(st.integers(0, 9_999_999_999), st.integers(0, 9_999))
def test_moments_come_out_with_the_digits_of_the_file(seconds, fraction):
    text = f"{seconds}.{fraction:04d}"
    rows = moments_fill(enumerate([line_parse(f"p1,{text},1,2,3"), line_parse("p1,5.0001,1,2,3")], 1), 0)
    (message,) = messages_make(rows, FILE)
    assert f"{round(message.body.bt + message.body.t[0], 4):.4f}" == text
    assert f"{round(message.body.bt + message.body.t[1], 4):.4f}" == "5.0001"


def test_lines_become_columns_with_their_numbers():
    texts = [
        "C,1639614323.301,2,0",
        "p3,1639614325.5266,2.637,-38.87,-53.61",
        "T1,1639614326.186,78664c3304,-75",
        "n1,1639614327.5486,2.6,-38,-53,15",
        "G,undefined,undefined,undefined,undefined",
    ]
    rows = moments_fill(enumerate(map(line_parse, texts), 41), FILE.start)
    event, tag, pulses, gps = (message.body for message in messages_make(rows, FILE))
    assert event == Event(
        events=[Happening(t=1639614323.301, name="clock", line=41, data={"digits": 2, "step": 0.0})],
        clock="Z",
        file=FILE.name,
    )
    assert (tag.tag, tag.line, tag.port) == (["78664c3304"], [43], 1)
    assert (pulses.port, pulses.line, pulses.used) == ([3, 1], [42, 44], [True, False])
    assert pulses.snr == [None, 15.0]
    # A position without a time takes the time of the line before.
    assert math.isclose(gps.bt + gps.t[0], 1639614327.5486, abs_tol=1e-6)
    assert (gps.lat, gps.alt, gps.line) == ([None], [], [45])


def test_a_run_of_lines_is_sent_by_its_first_number():
    texts = [f"p3,16396143{n:02d}.5266,2.637,-38.87,-53.61" for n in range(50)]
    (message,) = messages_make(moments_fill(enumerate(map(line_parse, texts), 7), 0), FILE)
    assert message.body.line == [7]
    assert message.body.port == 3
    assert message.body.used == []


def test_the_grammar_in_the_docstring_is_the_one_that_is_read():
    # The documentation of the lines names every letter that the parser knows.
    letters = set(
        re.findall(
            r"^    ([pnTGCSF])[<,]",
            __import__("formats.sensorgnome.lines").sensorgnome.lines.__doc__,
            re.MULTILINE,
        )
    )
    assert letters == set("pnTGCSF")
