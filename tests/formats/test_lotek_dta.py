"""Files of Lotek receivers are recognised and counted; nothing of them is guessed, and nothing is stored."""

import random

import pytest

from formats.lotek.dta import DtaSummary, dta_reason, dta_summary

RECORDS = """\
06/05/15  12:43:10.6489         0     393    A1+A2+A3+A4     131
06/05/15  12:43:15.1514         0     999             A1      77
06/05/15  12:44:01.0000         0      17             A2     201
"""
DTA = f"""\
SRX800 / 1234 Information:

Receiver S/N: 1234
Code Set: Lotek4

ID Only Records:

    Date      Time    Channel  Tag ID    Antenna   Power
{RECORDS}
ID + GPS Positions:

    Date      Time    Channel  Tag ID    Antenna   Power   Latitude  Longitude
06/05/15  12:45:10.6489         0     393    A1     131   44.26738  -64.25947

"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_is_in_a_file_is_counted(ends):
    found = dta_summary(DTA.replace("\n", ends).encode())
    assert found == DtaSummary("SRX800", "1234", 4, 1, ["Lotek4"], "06/05/15  12:43:10.6489", "06/05/15  12:45:10.6489")


def test_the_reason_names_the_receiver_and_what_is_missing():
    said = dta_reason(DTA.encode())
    assert "SRX800 no. 1234: 3 tags with code set Lotek4." in said
    assert "time zone" in said
    assert len(dta_reason(DTA.replace("Lotek4", "L" * 16).replace("1234", "9" * 24).encode())) <= 250


@pytest.mark.parametrize("raw", [b"", b"lotek\n", b"\x00" * 5_000, RECORDS.encode(), bytes(range(256)) * 40])
def test_what_is_no_such_file_is_said_so(raw):
    assert dta_summary(raw) is None
    assert "not the text" in dta_reason(raw)


def test_a_file_without_line_ends_costs_no_more_than_its_length():
    for piece in (b" ", b"\n", b"SRX", b"Receiver ", b"06/05/15  12:43:10 "):
        assert dta_summary(piece * (1_000_000 // len(piece))) is None


@pytest.mark.parametrize("seed", range(20))
def test_no_prefix_and_no_flipped_byte_raises_or_adds_records(seed):
    rng, whole = random.Random(seed), DTA.encode()
    for end in range(0, len(whole), 11):
        found = dta_summary(whole[:end])
        assert found is None or found.records <= 4
    for _ in range(50):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 9)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        assert len(dta_reason(bytes(content))) <= 250
        dta_summary(bytes(content))
