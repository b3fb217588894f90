"""The messages of the rig: each number has its own rows, so that rows and numbers can be compared one to one.

Two kinds of rows reveal duplicates that a primary key would hide: readings with a relative time get a different moment
when stored a second time, and detections are added to counts per hour and file.
"""

import json
import zlib

#: 2023-11-14 22:13:20 UTC.
BEGIN = 1_700_000_000
#: Every tenth message has detections.
DETECTIONS_EVERY = 10
PULSES = 3
ROWS_OF_READINGS = 2


def message_of(stream: str, seq: int) -> tuple[str, bytes]:
    """Kind and body of one message."""
    if seq % DETECTIONS_EVERY == 0:
        times = [0.0, 0.1, 0.2]
        port, line = place_of(stream)
        body = {
            "what": "pulse",
            "port": port,
            "bt": BEGIN + seq,
            "t": times,
            "line": [line + seq * PULSES],
            "file": stream,
        }
        return "detections", json.dumps(body).encode()
    return "readings", json.dumps(
        [
            {"bn": f"{stream}:", "n": "abs", "t": BEGIN + seq, "v": seq},
            # Ten seconds apart, so that no two numbers share a moment.
            {"n": "rel", "t": -10 * seq, "v": seq},
        ]
    ).encode()


def rows_of(seq: int) -> int:
    """Number of rows in one message."""
    return PULSES if seq % DETECTIONS_EVERY == 0 else ROWS_OF_READINGS


def place_of(stream: str) -> tuple[int, int]:
    """A port and first line for each stream, so that detections of different streams can be told apart."""
    number = zlib.crc32(stream.encode())
    return number % 1000, number // 1000 % 2000 * 1_000_000
