"""Contracts answer for their kinds, so that no other code has to compare a kind's name."""

import ast
import json
from pathlib import Path

import msgspec
import pytest

from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.base import Body, Contract, Lane
from message_queue.errors import MessageRefused
from message_queue.intake import message_read

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "wire_samples"
#: Files outside contracts and handlers that name a kind, and why.
NAMED_IN = {
    "fleet/ingest/backfill/selection.py": {"file"},  # the stored file of a revision
    "fleet/ingest/stages/latest_words.py": {"hello", "health"},  # columns of the contact row
    "fleet/ingest/corrections/time_shifts.py": {"readings", "detections"},  # tables
}
#: Of samples: the first time in it, its rows, and the file that these come from.
SAID = {
    "bursts.v1": (1700000000.1234, 2, "sgv2-7F5ERPI46977-003-2023-11-14T22-13-20.0000Z-all.txt"),
    "command_status.v1": (1763690100.0, 1, ""),
    "detections.pulses.v1": (1639614325.5266, 4, "changeMe-7F5ERPI46977-3-2021-12-16T00-25-01.6590Z-all.txt"),
    "detections.ctt.v1": (1660557039.0, 6, "CTT-V30B0154CD0C-raw-data.2022-08-15_095039.csv"),
    "gps.v1": (1504282346.0, 2, ""),
    "event.v1": (1639705543.152, 2, ""),
    "file.v1": (1504285946.0, 1, ""),
    "health.v1": (1763690060.0, 1, ""),
    "hello.v1": (1763690000.5, 1, ""),
    "readings.v1": (1763690000.0, 4, ""),
}
PULSES = {"what": "pulse", "port": 1, "t": [1700000000.0, 1700000001.0]}


def sample_of(name):
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    contract = contracts()[sample["kind"]]
    return contract, codec.body_decode(contract, json.dumps(sample["body"]).encode())


@pytest.mark.parametrize("name", SAID)
def test_a_contract_tells_the_time_the_rows_and_the_file_of_a_body(name):
    contract, body = sample_of(name)
    assert (contract.first_time(body), contract.rows(body), contract.file(body)) == SAID[name]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_has_a_time_and_rows(path):
    contract, body = sample_of(path.stem)
    assert contract.first_time(body) > 1_000_000_000
    assert contract.rows(body) >= 1
    assert contract.file(body) == getattr(body, "file", "")


def test_the_usual_pack_is_read_like_any_other():
    contract = contracts()["readings"]
    raw = json.dumps([{"bt": 1763690000.0, "n": "a", "v": 1.5, "u": "V"}, {"n": "b", "v": 2, "t": -60}]).encode()
    usual, full = (codec.body_decode(contract, raw, is_usual=narrow) for narrow in (True, False))
    assert type(usual[0]) is not type(full[0])
    assert (contract.first_time(usual), contract.rows(usual)) == (contract.first_time(full), contract.rows(full))
    assert contract.first_time(usual) == 1763690000.0
    assert msgspec.to_builtins(full) == [
        {name: value for name, value in record.items() if value is not None} for record in msgspec.to_builtins(usual)
    ]


def test_a_pack_with_relative_times_has_no_first_time():
    contract = contracts()["readings"]
    assert contract.first_time(codec.body_decode(contract, b'[{"n":"a","v":1,"t":-5}]')) is None


def test_a_contract_that_cannot_tell_the_time_of_a_message_stops_the_start():
    class Timeless(Body, frozen=True, kw_only=True):
        n: int = 0

    with pytest.raises(TypeError, match="first_time"):
        Contract(kind="timeless", version=1, body=Timeless, lane=Lane.BULK, summary="No time.")


def names_in(path):
    """The kinds that a file names in its strings."""
    found = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {value for value in found if isinstance(value, str) and value in contracts()}


def test_nobody_else_knows_a_kind_by_its_name():
    paths = [
        path
        for folder in ("message_queue", "fleet/ingest", "workers/consumers")
        for path in (ROOT / folder).rglob("*.py")
        if not {"contracts", "handlers", "migrations"} & set(path.parts)
    ]
    assert len(paths) > 50
    named = {str(path.relative_to(ROOT)): names_in(path) for path in paths}
    assert {path: kinds for path, kinds in named.items() if kinds} == NAMED_IN


@pytest.mark.parametrize("kind", ["detections", "gps", "bursts", "file"])
def test_the_strict_type_of_a_kind_knows_the_same_fields_and_is_what_usual_messages_become(kind):
    contract = contracts()[kind]
    assert set(contract.usual.__struct_fields__) == set(contract.body.__struct_fields__)
    sample = json.loads(min(SAMPLES.glob(f"{kind}*.json")).read_text())["body"]
    usual = message_read({"type": kind}, kind, "SG-TEST", json.dumps(sample).encode())
    assert (type(usual.body), usual.also_said) == (contract.usual, {})
    odd = message_read({"type": kind}, kind, "SG-TEST", json.dumps({**sample, "odd": 1}).encode())
    assert (type(odd.body), odd.also_said) == (contract.body, {"odd": 1})


def read(body):
    return message_read({"type": "detections"}, "detections", "SG-TEST", json.dumps(body).encode())


@pytest.mark.parametrize("line", [[None], ["x"], [{}]])
def test_a_bad_first_line_is_one_part_left_out(line):
    message = read(PULSES | {"line": line})
    assert message.body.line == []
    assert message.left_out.count == 1
    assert "<object" not in message.left_out.sentence()


def test_a_column_of_another_length_does_not_fit_by_losing_its_bad_values():
    with pytest.raises(MessageRefused, match="'tag' has 3 values but 't' has 2") as caught:
        read(PULSES | {"what": "tag", "tag": ["one", 2, "three"]})
    assert caught.value.reason == "uneven-columns"
