"""Whole CTT SensorStation files: their names, their messages, and accounts that add up whatever the content."""

import gzip
import random

import ctt_files as made
import pytest

from formats.sensorgnome.account import OpenAccount
from formats.sensorgnome.content import FileContent
from formats.sensorgnome.names import file_name_parse, is_foreign, other_file_reason, serial_key
from formats.sensorgnome.reader import Unreadable
from message_queue import codec
from message_queue.contracts import contracts


def read(content, name=None):
    """The messages and the account of one file."""
    name = name or made.file_name()
    found = FileContent(name, content, file_name_parse(name), OpenAccount(size=len(content)))
    messages = [message for portion in found.portions() for message in portion.messages]
    return found, messages


def length_of(found):
    return found.stream()[1:]


def sums_check(found):
    """Check that bytes and lines taken, known, kept back and refused add up to the file, unless its gzip is broken."""
    length, lines = length_of(found)
    assert found.account.tally.bytes_read - (found.checked.lost if found.checked else 0) == length
    assert found.account.tally.lines_read == lines


@pytest.mark.parametrize(
    ("name", "shown", "kind", "closed"),
    [
        ("CTT-V30B0154CD0C-raw-data.2022-08-15_095039.csv.gz", None, "raw-data", 1_660_557_039_000_000),
        ("CTT-867459049219777-node-data.2019-07-18_191832.csv", None, "node-data", 1_563_477_512_000_000),
        ("ctt-v30b0154cd0c-gps.2022-08-15_095039 (1).csv", "CTT-V30B0154CD0C-gps.2022-08-15_095039.csv", "gps", ...),
        ("CTT-V30B0154CD0C-blu.csv", None, "blu", 0),
        ("CTT-V30B0154CD0C-raw-data.2022-99-15_095039.csv", None, "raw-data", 0),
    ],
)
def test_names(name, shown, kind, closed):
    parsed = file_name_parse(name)
    assert (parsed.name, parsed.source) == (shown or name.removesuffix(".gz"), kind)
    assert closed in (..., parsed.start)
    assert parsed.is_table
    assert is_foreign(parsed, frozenset({"7F5ERPI46977"}))
    assert not is_foreign(parsed, frozenset({parsed.serial}))


def test_files_that_are_no_tables_are_left_with_a_reason():
    assert file_name_parse("CTT-V30B0154CD0C-log.2022-08-15_095039.csv") is None
    assert other_file_reason("CTT-V30B0154CD0C-log.2022-08-15_095039.csv.gz")[1] is False
    assert other_file_reason("CTT-V30B0154CD0C-telemetry.2022-08-15_095039.csv.gz")[1] is True


def test_serials():
    assert serial_key("ctt-v30b0154cd0c") == "CTT-V30B0154CD0C"
    assert serial_key("CTT-867459049219777") == "CTT-867459049219777"
    assert serial_key("CTT-") == ""
    sensorgnome = file_name_parse("site-CTT-867459049219777-000074-2018-01-22T00-29-13.3300T-all.txt.gz")
    assert sensorgnome.serial == "CTT-867459049219777"


def test_tags_keep_node_and_validity():
    found, messages = read(gzip.compress(made.tags_text(20)), made.file_name(end=".csv.gz"))
    ((kind, body),) = messages
    assert kind == "detections"
    assert len(body.t) == 20
    assert body.line == [2]
    assert body.node == ["3B8B1F" if n % 4 == 0 else None for n in range(20)]
    assert body.valid == [n % 3 > 0 for n in range(20)]
    assert body.also == []
    assert body.file == made.file_name()
    assert found.account.tally.lines_taken == 21
    sums_check(found)


def test_an_old_firmware_says_nothing_of_validity():
    body = read(made.tags_text(3, heading=made.V1_TAGS))[1][0].body
    assert (body.valid, body.node) == ([], ["3B8B1F", None, None])


def test_every_message_is_what_its_contract_says():
    for kind, content in (("node-health", made.health_text()), ("gps", made.gps_text()), ("blu", made.blu_text())):
        _, messages = read(content, made.file_name(kind))
        for message in messages:
            raw, _ = codec.encode(message.body, compress=False)
            assert codec.body_decode(contracts()[message.kind], raw) == message.body


def test_positions_come_with_figures():
    _, messages = read(made.gps_text(), made.file_name("gps"))
    assert [message.kind for message in messages] == ["gps", "readings"]
    assert messages[0].body.lat == [38.240977, None, None]
    assert {record.n for record in messages[1].body} == {
        *("gps/clock", "gps/quality", "gps/mean_latitude", "gps/mean_longitude", "gps/fixes")
    }


def test_a_text_is_sent_when_it_changes():
    _, messages = read(made.health_text(6), made.file_name("node-health"))
    texts = [record for message in messages for record in message.body if record.vs is not None]
    assert [text.n for text in texts] == ["node/3B8B10/firmware", "node/3B8B11/firmware"]


def test_many_figures_are_several_messages():
    _, messages = read(made.health_text(6) * 120, made.file_name("node-health"))
    assert all(len(message.body) <= 5_000 for message in messages)
    assert sum(len(message.body) for message in messages) > 5_000


def test_a_second_heading_may_have_other_columns():
    content = made.tags_text(5, heading=made.V1_TAGS) + made.tags_text(5) + b"Foo,Time\r\n" + made.tags_text(5)[-40:]
    found, messages = read(content)
    assert found.account.tally.lines_refused >= 1
    bodies = [message.body for message in messages if message.kind == "detections"]
    assert bodies[0].valid[:5] == [None] * 5
    assert bodies[0].valid[5:10] == [n % 3 > 0 for n in range(5)]
    sums_check(found)


def test_a_file_without_heading_is_refused_line_by_line():
    found, messages = read(made.tags_text(5).split(b"\r\n", 1)[1])
    assert found.account.refusals == {"no_heading": 5}
    assert [message.kind for message in messages] == ["event"]
    sums_check(found)


def test_the_heading_is_remembered_over_chunks():
    found, messages = read(made.tags_text(3_000))
    assert sum(len(message.body.t) for message in messages) == 3_000
    assert found.account.tally.lines_refused == 0


def test_zeros_from_a_power_cut_cost_only_themselves():
    content = made.tags_text(5) + b"2022-08-15 09" + b"\x00" * 300 + made.tags_text(3).split(b"\r\n", 1)[1]
    found, messages = read(content)
    assert sum(len(message.body.t) for message in messages if message.kind == "detections") == 8
    assert found.account.damaged
    sums_check(found)


def test_readings_of_a_damaged_file_are_sent_without_its_mark():
    packed = gzip.compress(made.health_text(60) + made.gps_text())
    found, messages = read(packed[:-20], made.file_name("node-health", end=".csv.gz"))
    assert found.account.damaged
    assert "readings" in {message.kind for message in messages}
    assert messages[-1].body.events[-1].name == "file_damaged"


WHOLE = {
    "raw-data": made.tags_text(6),
    "node-health": made.health_text(2),
    "gps": made.gps_text(),
    "blu": made.blu_text(),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_every_prefix_sums_up(kind):
    whole, last = WHOLE[kind], -1
    for end in range(1, len(whole) + 1):
        found, messages = read(whole[:end], made.file_name(kind))
        sums_check(found)
        rows = sum(len(message.body) if message.kind == "readings" else 1 for message in messages)
        taken = found.account.tally.lines_taken
        assert taken >= last
        last = taken
        assert rows or taken <= 1 or kind == "gps"


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", WHOLE)
def test_flipped_bytes_never_raise_and_sum_up(kind, seed):
    rng = random.Random(seed)
    for _ in range(60):
        content = bytearray(WHOLE[kind])
        for _ in range(rng.randint(1, 12)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            found, _messages = read(bytes(content), made.file_name(kind))
        except Unreadable:
            continue
        sums_check(found)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp037", "utf-7"])
@pytest.mark.parametrize("kind", WHOLE)
def test_foreign_encodings_never_raise_and_sum_up(kind, encoding):
    found, messages = read(WHOLE[kind].decode().encode(encoding), made.file_name(kind))
    sums_check(found)
    taken = [message for message in messages if message.kind != "event"]
    assert bool(taken) == (encoding in ("utf-8-sig", "utf-7"))


@pytest.mark.parametrize("cut", range(20, 200, 7))
def test_a_gzip_that_was_cut_never_raises(cut):
    packed = gzip.compress(made.tags_text(60))
    found, _ = read(packed[:cut], made.file_name(end=".csv.gz"))
    assert found.account.damaged
    assert found.account.tally.lines_taken + found.account.tally.lines_refused == length_of(found)[1]
