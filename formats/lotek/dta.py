"""Recognising the text files (DTA) of Lotek SRX receivers, and summarising them.

    SRX800 / 1234 Information:            the model
    Receiver S/N: 1234                    the serial
    Code Set: Lotek4                      of the records below it
    ID Only Records:                      a table of Date Time Channel Tag ID Antenna Power
    ID + GPS Positions:                   the same with Latitude Longitude

The records are counted, not stored. Their times are in whatever zone somebody set the receiver to, which the file does
not say; the day may come before the month; an antenna may be several (`A1+A2`), which is not a port; and the power is a
figure from 0 to 255, not dBm.
"""

import re
from dataclasses import dataclass, field
from typing import Final

#: Characters from a file's beginning that are searched for its model and serial.
_HEAD_MOST: Final = 20_000
#: Receivers write no longer lines; longer ones are not records.
_LINE_MOST: Final = 400
_MODEL = re.compile(r"^[ \t]{0,40}(SRX[0-9A-Za-z-]{0,16})\b.{0,80}Information:", re.MULTILINE)
_SERIAL = re.compile(r"^[ \t]{0,40}Receiver[ \t]{1,40}S/N:[ \t]{0,40}([0-9A-Za-z]{1,24})[ \t]{0,40}$", re.MULTILINE)
_CODE_SET = re.compile(r"\s*Code\s+Set:\s*([0-9A-Za-z]{1,16})\s*\Z")
_RECORD = re.compile(
    r"\s*(\d\d/\d\d/\d\d\s+\d\d:\d\d:\d\d(?:\.\d{1,6})?)\s+\d{1,4}\s+(\d{1,6})\s+[A-Z0-9+]{1,40}\s+-?\d{1,4}"
    r"(?:\s+-?\d{1,3}\.\d+\s+-?\d{1,3}\.\d+)?\s*\Z"
)
#: The code that a receiver writes for a signal without one.
_NO_CODE: Final = "999"


@dataclass
class DtaSummary:
    """The contents of a file. `first` and `last` are times as written, in an unknown zone and order of day and month."""

    model: str
    serial: str
    records: int = 0
    without_code: int = 0
    code_sets: list[str] = field(default_factory=list)
    first: str = ""
    last: str = ""


def dta_summary(raw: bytes) -> DtaSummary | None:
    """Describe the file; None if it is not the text of an SRX receiver. Never raises."""
    text = raw.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    head = text[:_HEAD_MOST]
    model, serial = _MODEL.search(head), _SERIAL.search(head)
    if model is None and serial is None:
        return None
    found = DtaSummary(model[1] if model else "", serial[1] if serial else "")
    for line in text.split("\n"):
        if len(line) > _LINE_MOST:
            continue
        if code_set := _CODE_SET.match(line):
            if code_set[1] not in found.code_sets:
                found.code_sets.append(code_set[1])
        elif record := _RECORD.match(line):
            found.records += 1
            found.without_code += record[2] == _NO_CODE
            found.first = found.first or record[1]
            found.last = record[1]
    return found


def dta_reason(raw: bytes) -> str:
    """Why a file with a Lotek receiver's kind of name is not stored, with a summary of it; at most 250 characters."""
    found = dta_summary(raw)
    if found is None:
        return "It is named like a file of a Lotek receiver, but it is not the text of one."
    who = " ".join(part for part in (found.model, found.serial and f"no. {found.serial}") if part)
    sets = f" with code set {', '.join(found.code_sets)[:60]}" if found.code_sets else ""
    return (
        f"It is a file of the Lotek receiver {who}: {found.records - found.without_code} tags{sets}. It is not stored: "
        "the file does not say in which time zone its clock was. Keep it, and send it to Motus."
    )
