"""Rows of CTT SensorStation files are read by their heading, for any firmware, or refused with the reason."""

import ctt_files as made
import pytest

from formats.ctt.lines import ctt_line_parse, ctt_line_read
from formats.ctt.tables import table_of
from formats.lines import ColumnNames, Fix, Note, RowValue, RowValues, TagLine

#: 2022-08-15 09:50:39 UTC, in microseconds.
AT = 1_660_557_039_000_000


@pytest.mark.parametrize(
    ("heading", "row", "expected"),
    [
        (made.V1_TAGS, "2019-07-16 20:18:39.845,3,6161527F,-96,", (3, 1_563_308_319_845_000, "6161527F", -96.0)),
        (made.V2_TAGS, "2022-08-15 09:50:39,12,6161527F,-96,,1", (12, AT, "6161527F", -96.0, None, True)),
        (made.V2_TAGS, "2022-08-15T09:50:39.000Z,1,78664c33,-7,3b8b1f,0", (1, AT, "78664c33", -7.0, "3B8B1F", False)),
        (made.V2_TAGS, "2022-08-15 09:50:39,1,78664C3304,,,", (1, AT, "78664C3304", None)),
        (
            "Validated,NodeId,TagRSSI,TagId,RadioId,Time,Sky",
            "1,A,-50,78664C33,2,2022-08-15 09:50:39,blue",
            (2, AT, "78664C33", -50.0, "A", True, {"Sky": "blue"}),
        ),
    ],
)
def test_tags(heading, row, expected):
    assert ctt_line_parse(row, heading) == TagLine(*expected)


def test_a_title_with_a_nul_is_kept_without_it_so_that_its_message_can_be_stored():
    heading = "Time,RadioId,TagId,TagRSSI,NodeId,S\x00ky"
    assert ctt_line_parse("2022-08-15 09:50:39,1,78664C33,-50,,blue", heading).also == {"S\ufffdky": "blue"}


def test_a_bluetooth_tag_keeps_what_its_firmware_says_and_has_a_port_of_its_own():
    line = ctt_line_parse("2,1,4,2022-08-15 09:50:39,-72,2D4B784C,13,1,2,3B8B1F,0ab1", made.BLU)
    also = {"UsbPort": "2", "BluRadioId": "1", "RadioId": "4", "Sync": "13", "Product": "1", "Revision": "2"}
    assert line == TagLine(201, AT, "2D4B784C", -72.0, "3B8B1F", None, also | {"Payload": "0ab1"})


def test_health_of_a_node():
    row = "2022-08-15 09:50:39,1,3b8b1f,-70,4.1,21.5,2022-08-15 09:50:37,v1,5.1,30,1200,38.24,-75.13"
    found = ctt_line_parse(row, made.V2_HEALTH)
    assert isinstance(found, RowValues)
    assert found.at == AT
    assert {figure.name: (figure.value or figure.text, figure.unit) for figure in found.figures} == {
        "node/3B8B1F/battery": (4.1, "V"),
        "node/3B8B1F/temperature": (21.5, "Cel"),
        "node/3B8B1F/rssi": (-70.0, "dBm"),
        "node/3B8B1F/solar": (5.1, "V"),
        "node/3B8B1F/solar_current": (30.0, "mA"),
        "node/3B8B1F/solar_current_sum": (1200.0, ""),
        "node/3B8B1F/latitude": (38.24, "lat"),
        "node/3B8B1F/longitude": (-75.13, "lon"),
        "node/3B8B1F/firmware": ("v1", ""),
        "node/3B8B1F/radio": (1.0, ""),
        "node/3B8B1F/clock": (-2.0, "s"),
    }
    assert len(ctt_line_parse("2022-08-15 09:50:39,1,3b8b1f,-70,4.1,21", made.V1_HEALTH).figures) == 4


def test_positions():
    row = "2019-08-17T03:09:27.458Z,2019-08-17T03:09:26.000Z,38.240977833,-75.1360325,2.7,3"
    quality = (RowValue("gps/clock", -1.458, "s"), RowValue("gps/quality", 3.0, ""))
    at = 1_566_011_367_458_000
    assert ctt_line_parse(row, made.V1_GPS) == Fix(at, 38.240977833, -75.1360325, 2.7, quality)
    assert ctt_line_parse("2022-08-15 09:50:39,,,,,", made.V2_GPS) == Fix(AT, None, None, None)
    assert ctt_line_parse("2022-08-15 09:50:39,,0.0,0,0,0", made.V1_GPS).lat is None


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2022-08-15 09:50:39,1,6161527F,-9", "4 fields"),
        ("2022-08-15 09:50:39,1,6161527F,-96,,1,2", "7 fields"),
        ("2022-08-15 09:5", "1 fields"),
        ("2022-08-15 09:50:392022-08-15 09:50:40,1,6161527F,-96,,1", "no time in UTC"),
        ("2022-08-15 09:50:39+02:00,1,6161527F,-96,,1", "no time in UTC"),
        ("2022-02-30 09:50:39,1,6161527F,-96,,1", "no date"),
        ("2022-08-15 25:50:39,1,6161527F,-96,,1", "no time"),
        ("2022-08-15 09:50:39,1,6161527,-96,,1", "8 or 10"),
        ("2022-08-15 09:50:39,x,6161527F,-96,,1", "radio"),
        ("2022-08-15 09:50:39,1,6161527F,-9600,,1", "strength"),
        ("2022-08-15 09:50:39,1,6161527F,nine,,1", "no number"),
        ("2022-08-15 09:50:39,1,6161527F,-96,3B/8B,1", "node"),
        ("2022-08-15 09:50:39,1,6161527F,-96,,7", "validity"),
        ('2022-08-15 09:50:39,1,"6161527F,-96,,1', "quotation"),
        ("Time,RadioId", "known table"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_the_reason(row, why):
    found = ctt_line_parse(row, made.V2_TAGS)
    assert isinstance(found, Note)
    assert found.name == "unparsed"
    assert why in found.data["why"]


def test_a_reading_of_a_clock_that_was_never_set_is_refused_because_it_would_count_as_relative():
    for row, heading in (
        ("1970-01-01 00:00:12,1,3b8b1f,-70,4.1,21", made.V1_HEALTH),
        ("1970-01-01 00:00:12,,,,,", made.V1_GPS),
    ):
        assert "not set" in ctt_line_parse(row, heading).data["why"]
    assert ctt_line_parse("1970-01-01 00:00:12,1,6161527F,-96,", made.V1_TAGS).at == 12_000_000


def test_a_row_without_a_heading_is_refused():
    read = ctt_line_read(b"2022-08-15 09:50:39,1,6161527F,-96,,1\r", "")
    assert (read.lost, read.refusal) == (read.size, "no_heading")


def test_a_heading_is_known_again_with_a_byte_order_mark_or_quotes():
    assert ctt_line_parse("\ufeff" + made.V2_TAGS, "") == ColumnNames(None, made.V2_TAGS)
    quoted = '"Time","RadioId","TagId","TagRSSI","NodeId"'
    assert ctt_line_parse(quoted, "") == ColumnNames(None, made.V1_TAGS)
    assert ctt_line_parse('"2022-08-15 09:50:39","1","6161527F",-96,""', made.V1_TAGS).tag == "6161527F"


@pytest.mark.parametrize("heading", ["", "Time", "Time,Time,RadioId,TagId", "Time,RadioId,TagId,", "a" * 5_000])
def test_a_heading_that_names_no_table(heading):
    assert table_of(heading) is None
