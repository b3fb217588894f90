"""The columns of CTT SensorStations: a bad field costs itself, and whoever does not know them loses nothing else."""

import json

import msgspec
import pytest
from wire.test_contracts import SAMPLES

from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.base import Body
from message_queue.errors import MessageRefused
from message_queue.salvage import salvage

CONTRACT = contracts()["detections"]
SAMPLE = json.loads((SAMPLES / "detections.ctt.v1.json").read_text())["body"]


def salvaged(**columns):
    raw = json.dumps(SAMPLE | columns).encode()
    with pytest.raises(MessageRefused) as refused:
        codec.body_decode(CONTRACT, raw)
    return salvage(CONTRACT, raw, refused.value)[:2]


@pytest.mark.parametrize(
    ("column", "values", "kept"),
    [
        ("node", ["3B8B1F", 7, "x" * 17], ["3B8B1F", None, None]),
        ("valid", [True, "yes", None], [True, None, None]),
        ("also", [{"a": "1"}, "b", {"c": 5, "d": "6"}], [{"a": "1"}, None, {"d": "6"}]),
    ],
)
def test_a_bad_field_costs_only_itself(column, values, kept):
    body, left_out = salvaged(**{column: values})
    assert getattr(body, column) == kept
    assert body.tag == SAMPLE["tag"]
    assert left_out


def test_a_column_of_another_length_is_refused():
    with pytest.raises(MessageRefused, match="Column 'node' has 1 values"):
        codec.body_decode(CONTRACT, json.dumps(SAMPLE | {"node": ["A"]}).encode())


def test_a_server_from_before_takes_the_rest():
    new = {"node", "valid", "also"}
    before = [(each.name, each.type, each.default_factory) for each in msgspec.structs.fields(CONTRACT.body)]
    columns = [
        (name, kind, msgspec.field(default_factory=made))
        for name, kind, made in before
        if made is not msgspec.NODEFAULT and name not in new
    ]
    older = msgspec.defstruct("Older", columns, bases=(Body,), frozen=True, kw_only=True)
    body = msgspec.json.decode(json.dumps(SAMPLE).encode(), type=older)
    assert (body.tag, body.rssi, body.line) == (SAMPLE["tag"], SAMPLE["rssi"], SAMPLE["line"])
    assert not hasattr(body, "node")
