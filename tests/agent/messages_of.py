"""Decoded contents of an outbox."""

from collections import Counter

import msgspec

from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.bursts import Bursts
from message_queue.contracts.detections import Detections
from message_queue.contracts.event import Event
from message_queue.contracts.gps import Gps


def outbox_messages(outbox):
    """Every message in the outbox as (kind, body), checked as the server checks it, without removing any.

    Leaves out the accounts of the station's files: see `accounts_told`.
    """
    with outbox.database.reading() as sql:
        rows = sql.execute("SELECT kind, body, encoding FROM outbox WHERE kind != 'file' ORDER BY seq").fetchall()
    return [(kind, decoded(kind, raw, encoding)) for kind, raw, encoding in rows]


def accounts_told(outbox):
    """The newest account of each file in the outbox, by file name."""
    with outbox.database.reading() as sql:
        rows = sql.execute("SELECT kind, body, encoding FROM outbox WHERE kind = 'file' ORDER BY seq").fetchall()
    return {account.name: account for row in rows for account in decoded(*row).files}


def decoded(kind, raw, encoding):
    properties = {
        "type": kind,
        "content_type": contracts()[kind].content_type,
        "content_encoding": encoding,
        "headers": {"v": 1, "stream": "test", "seq": 1},
    }
    return codec.decode(properties, kind, "SG-TEST", raw).body


def line_numbers(body):
    """The line number of each row of a message."""
    if isinstance(body, Event):
        return [event.line for event in body.events]
    if len(body.line) == 1:
        return list(range(body.line[0], body.line[0] + len(body.t)))
    return list(body.line)


def rows_counted(messages):
    """Number of rows by kind: p, n, T, G, and events by name."""
    count = Counter()
    for _, body in messages:
        if isinstance(body, Detections):
            if body.what == "tag":
                count["T"] += len(body.t)
            else:
                unused = sum(not used for used in body.used)
                count["n"] += unused
                count["p"] += len(body.t) - unused
        elif isinstance(body, Gps):
            count["G"] += len(body.t)
        elif isinstance(body, Bursts):
            count["b"] += len(body.t)
        elif isinstance(body, Event):
            count.update(event.name for event in body.events)
    return +count


def moments(body, digits):
    """The times of a message's rows as text, with this many digits."""
    return [f"{round(body.bt + t, 4):.{digits}f}" for t in body.t]


def plain(body):
    return msgspec.to_builtins(body)
