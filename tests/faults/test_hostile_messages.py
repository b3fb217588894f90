"""Messages of a hostile or broken station: quarantined with a reason, at no cost to its neighbours or the worker."""

import bz2
import gzip
import json
import struct
import time
from collections import Counter
from functools import cache

import pika
import pytest
import zstandard
from faults import raw_amqp
from faults.publisher import connection_parameters

pytestmark = pytest.mark.faults

GOOD = [{"n": "good", "t": 1_700_000_000, "v": 1.0}]
MEBIBYTE = 1_048_576
#: Good messages sent at the same time.
NEIGHBOURS = 5_000


def pack(name="x", **fields):
    return json.dumps([{"n": name, "t": 1_700_000_000, "v": 1, **fields}]).encode()


def marked(marker):
    """A good body that can be found by its bytes."""
    return pack(name=f"hostile/{marker}")


def properties(kind="readings", headers=None, **more):
    return pika.BasicProperties(type=kind, delivery_mode=2, headers=headers, **more)


def celery_shaped():
    headers = {"lang": "py", "task": "core.prune_outbox", "id": "3f1c", "root_id": "3f1c", "argsrepr": "()"}
    body = b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
    return body, properties(
        headers=headers, content_type="application/json", content_encoding="utf-8", correlation_id="3f1c"
    )


def zeros(size):
    return b"\x00" * size


@cache
def bombs():
    """Bodies of at most a few hundred kilobytes that unpack to a gigabyte and more."""
    packed = gzip.compress(zeros(64 * MEBIBYTE), 9)
    layer = zstandard.ZstdCompressor(level=19).compress(zeros(1024 * MEBIBYTE))
    return {
        "gzip bomb": ("readings", packed, properties(content_encoding="gzip"), "too-large"),
        "gzip bomb in a bomb": (
            "readings",
            gzip.compress(packed * 8, 9),
            properties(content_encoding="gzip"),
            "too-large",
        ),
        "zstd bomb": ("readings", layer, properties(content_encoding="zstd"), "too-large"),
        "kombu's compression header": (
            "readings",
            bz2.compress(zeros(256 * MEBIBYTE)),
            properties(headers={"compression": "application/x-bz2"}),
            {"bad-text", "bad-json"},
        ),
    }


def bodies():
    return {
        "cut off": (b'[{"n":"a"', "bad-json"),
        "empty": (b"", "bad-json"),
        "byte order mark": (b"\xef\xbb\xbf[]", "bad-json"),
        "something behind": (pack() + b"}", "bad-json"),
        "no text": (b"\xff\xfe\x00\x01", "bad-text"),
        "100,000 brackets": (b"[" * 100_000, {"bad-json", "too-deep", "bad-fields"}),
        "deep in a field nobody knows": (
            b'[{"n":"a","v":1,"future":' + b"[" * 50_000 + b"]" * 50_000 + b"}]",
            {"bad-json", "too-deep", "bad-fields"},
        ),
        "NaN": (b'[{"n":"a","v":NaN}]', "bad-json"),
        "Infinity": (b'[{"n":"a","v":Infinity}]', "bad-json"),
        "1e999": (b'[{"n":"a","v":1e999}]', {"bad-json", "bad-fields"}),
        "integer of 5,000 digits": (b'[{"n":"a","v":' + b"9" * 5_000 + b"}]", {"bad-json", "bad-fields"}),
        "NUL": (b'[{"n":"a\x00","v":1}]', "bad-text"),
        "escaped NUL": (b'[{"n":"a\\u0000","v":1}]', "bad-text"),
        "lone surrogate": (b'[{"n":"a","vs":"\\ud800"}]', {"bad-json", "not-stored"}),
        "invalid UTF-8": (b'[{"n":"a","vs":"\xff"}]', "bad-json"),
        "name of 1 MB": (b'[{"n":"' + b"a" * 1_000_000 + b'","v":1}]', "bad-fields"),
        "name from right to left": (pack(name="\u202egnp"), "bad-name"),
        "object instead of a pack": (b'{"__type__":"decimal","__value__":"1e1000000"}', "bad-fields"),
        "time beyond all calendars": (pack(t=1e15), "bad-time"),
        "SenML of the future": (pack(bver=99), "future-version"),
        "speaks for another station": (pack(bn="urn:roost:SG-FA02RPI40002:"), "wrong-sender"),
        "5,001 records": (json.dumps([{"n": "a", "v": 1}] * 5_001).encode(), "bad-fields"),
    }


def envelopes():
    many = {f"h{number}": 1 for number in range(10_000)}
    return {
        "kind that nobody knows": ("weather", marked("kind"), properties("weather"), "unknown-kind"),
        "kind and key that differ": ("readings", marked("differ"), properties("hello"), "bad-envelope"),
        "version 99": ("readings", marked("v99"), properties(headers={"v": 99}), "future-version"),
        "version 0": ("readings", marked("v0"), properties(headers={"v": 0}), "bad-envelope"),
        "number without stream": ("readings", marked("seq"), properties(headers={"seq": 1}), "bad-envelope"),
        "number below zero": (
            "readings",
            marked("neg"),
            properties(headers={"stream": "s", "seq": -1}),
            "bad-envelope",
        ),
        "number that is a table": (
            "readings",
            marked("table"),
            properties(headers={"stream": "s", "seq": {"a": 1}}),
            "bad-envelope",
        ),
        "stream of 10,000 letters": (
            "readings",
            marked("stream"),
            properties(headers={"stream": "s" * 10_000, "seq": 1}),
            "bad-envelope",
        ),
        "10,000 headers": ("readings", marked("many"), properties(headers=many), "bad-envelope"),
        "pickle": (
            "readings",
            b"\x80\x04K\x01.",
            properties(content_type="application/x-python-serialize"),
            "content-type",
        ),
        "unknown encoding": ("readings", marked("br"), properties(content_encoding="br"), "content-encoding"),
        "gzip that is none": ("readings", marked("gz"), properties(content_encoding="gzip"), "bad-compression"),
        "half a gzip": (
            "readings",
            gzip.compress(marked("half"))[:-9],
            properties(content_encoding="gzip"),
            "bad-compression",
        ),
        "a task for Celery": ("event", *celery_shaped(), {"bad-fields", "bad-envelope"}),
        "station in a health message": (
            "health",
            b'{"at":1700000000,"station":"SG-FA02RPI40002"}',
            properties("health"),
            "wrong-sender",
        ),
    }


def unreadable():
    """Properties that client libraries cannot handle."""
    stamp = raw_amqp.entry(b"when", b"T", struct.pack(">Q", 2**63))
    return {
        "date beyond all calendars": ("readings", marked("T"), raw_amqp.headers(stamp), "bad-properties"),
        "message id that is no text": ("readings", marked("id"), raw_amqp.message_id(b"\xff\xfe"), "bad-properties"),
        "headers nested 5,000 deep": (
            "readings",
            marked("deep"),
            raw_amqp.headers(raw_amqp.nested(5_000)),
            "bad-properties",
        ),
        "key that is no text": (b"\xff\xfe", marked("key"), properties("weather"), "unknown-kind"),
        "key that is no text, empty body": (b"\xff\xfd", b"", properties("weather"), "unknown-kind"),
    }


def test_every_hostile_message_is_in_quarantine_with_its_reason_and_no_neighbour_suffers(rig, case):
    begun = case("hostile messages", number="57-66", messages=NEIGHBOURS)
    cases = {name: ("readings", body, properties(), reason) for name, (body, reason) in bodies().items()}
    cases |= envelopes() | unreadable() | bombs()
    grant, before = begun.grants[0], rig.query("SELECT coalesce(max(id), 0) FROM ingest_quarantinedmessage")[0][0]
    starts = rig.worker.starts
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for key, body, how, _ in cases.values():
            raw_amqp.publish(channel, grant["exchange"], key, body, how)
        begun.finish(f"{len(cases)} kinds of hostile messages; numbers are the good messages sent meanwhile.")
    rows = rig.query(
        "SELECT q.body, q.reason, q.sentence, s.serial FROM ingest_quarantinedmessage q "
        "LEFT JOIN stations_station s ON s.id = q.station_id WHERE q.id > %s",
        before,
    )
    found = {bytes(body): (reason, sentence, serial) for body, reason, sentence, serial in rows if body}
    wrong = []
    for name, (_, body, _, expected) in cases.items():
        if not body:
            continue
        reason, sentence, serial = found.get(body, ("not in quarantine", "", grant["serial"]))
        allowed = {expected} if isinstance(expected, str) else expected
        if reason not in allowed or serial != grant["serial"] or not sentence.endswith("."):
            wrong.append((name, reason, sentence[:120]))
    assert not wrong
    assert Counter(bool(body) for body, *_ in rows) == {True: len(cases) - 2, False: 2}
    assert rig.worker.starts == starts
    assert "met an error of its own" not in rig.worker.log.read_text()


def test_headers_of_any_depth_do_not_stop_ingest(rig, case):
    """Headers as deep as the reader can just accept must not be too deep for later steps."""
    begun = case("headers of every depth", number="62", messages=NEIGHBOURS)
    grant, starts = begun.grants[0], rig.worker.starts
    depths = [*range(1, 60, 7), *range(850, 1_000, 2)]
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for name in (b"n", b"seq"):
            for depth in depths:
                body = f"[{name} {depth}".encode()
                raw_amqp.publish(
                    channel, grant["exchange"], "readings", body, raw_amqp.headers(raw_amqp.nested(depth, name))
                )
        begun.finish(
            "Headers nested 1 to 1,000 deep, with a body that is also refused; numbers are the good messages sent meanwhile."
        )
    held = rig.query("SELECT count(*) FROM ingest_quarantinedmessage WHERE body LIKE '[b''%%'")
    assert held == [(2 * len(depths),)]
    assert rig.worker.starts == starts
    assert "met an error of its own" not in rig.worker.log.read_text()


def test_memory_stays_flat_under_bombs(rig, case):
    begun = case("bombs for the memory", number="59", messages=NEIGHBOURS)
    grant, cases = begun.grants[0], bombs()
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()

        def throw(rounds):
            for _ in range(rounds):
                for key, body, how, _ in cases.values():
                    raw_amqp.publish(channel, grant["exchange"], key, body, how)
                time.sleep(0.05)

        throw(3)
        rig.quiesce()
        warm = rig.worker.memory()
        throw(25)
        begun.finish(
            "A hundred bombs; the worker grows by less than 50 MB. Numbers are the good messages sent meanwhile."
        )
    assert rig.worker.memory() - warm < 50 * MEBIBYTE
