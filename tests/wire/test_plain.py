"""The pure-Python substitute reads, refuses and writes as msgspec does: the two are compared word for word."""

import copy
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from message_queue import plain
from message_queue.contracts import contracts
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandMessage, Withdrawal
from message_queue.pieces import UploadAnswer, UploadAsked

SAMPLES = sorted((Path(__file__).parents[1] / "wire_samples").glob("*.json"))
REPOSITORY = Path(__file__).parents[2]


def twin(kind: Any, known: dict[Any, Any]) -> Any:
    """The same type, built from the substitute's classes."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in known:
            config = kind.__struct_config__
            fields = msgspec.structs.fields(kind)
            namespace: dict[str, Any] = {
                "__annotations__": {f.name: twin(f.type, known) for f in fields},
                "__module__": __name__,
            }
            for each in fields:
                if each.default_factory is not msgspec.NODEFAULT:
                    namespace[each.name] = plain.field(default_factory=each.default_factory)
                elif each.default is not msgspec.NODEFAULT:
                    namespace[each.name] = each.default
            options = {name: getattr(config, name) for name in ("frozen", "omit_defaults", "forbid_unknown_fields")}
            known[kind] = plain.structs.StructMeta(kind.__name__, (plain.Struct,), namespace, kw_only=True, **options)
        return known[kind]
    if getattr(kind, "__metadata__", None):
        bounds = {
            name: getattr(meta, name)
            for meta in kind.__metadata__
            for name in plain.Meta.NAMES
            if getattr(meta, name) is not None
        }
        return Annotated[twin(kind.__origin__, known), plain.Meta(**bounds)]
    arguments = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is list:
        return list[twin(arguments[0], known)]
    if getattr(kind, "__origin__", None) is dict:
        return dict[twin(arguments[0], known), twin(arguments[1], known)]
    if arguments and not str(kind).startswith("typing.Literal"):
        made = twin(arguments[0], known)
        for each in arguments[1:]:
            made = made | twin(each, known)
        return made
    return kind


KNOWN: dict[Any, Any] = {}
TYPES = {kind: contract.body for kind, contract in contracts().items()} | {
    "command": CommandMessage,
    "withdrawal": Withdrawal,
    "upload": UploadAsked,
    "answer": UploadAnswer,
}
TWINS = {name: twin(kind, KNOWN) for name, kind in TYPES.items()}
BY_SAMPLE = [(path.name.partition(".")[0], json.loads(path.read_text())["body"]) for path in SAMPLES] + [
    (
        "command",
        {
            "id": "0f0e0d0c-0b0a-4908-8706-050403020100",
            "station": "SG-1",
            "name": "ping",
            "issued_at": 1.5,
            "expires_at": 2,
            "parameters": {"a": [1, {"b": None}]},
        },
    ),
    ("withdrawal", {"withdraw": "0f0e0d0c0b0a49088706050403020100", "station": "S", "expires_at": 2}),
    ("upload", {"path": "a/b.txt", "size": 7, "sha256": "0" * 64, "modified": 1.5, "turn": 1}),
    ("answer", {"turn": 1, "state": "open", "upload": "5d0c", "offset": 7, "reason": "x"}),
]


def answers(kind: str, raw: bytes) -> tuple[Any, Any]:
    """The answers of both to the bytes: plain values, or the refusal."""
    found: list[Any] = []
    for library, of in ((msgspec, TYPES[kind]), (plain, TWINS[kind])):
        try:
            found.append(library.to_builtins(library.json.decode(raw, type=of)))
        except library.ValidationError as error:
            found.append(f"refused: {error}")
        except (library.DecodeError, UnicodeDecodeError):
            found.append("no JSON")
        except RecursionError:
            found.append("too deep")
    return found[0], found[1]


ODD = [
    None, True, False, 0, 1, -1, 7.5, 1e30, 10**12, 2**63, -2**70, "", "x", "7", "\u00e9" * 300, [], {}, [1], [None], ["a"],
    {"a": 1}, {"": 1}, {"b" * 200: 1}, [[]], [{}], 1.0, 100.4, "0f0e0d0c-0b0a-4908-8706-050403020100", [0.5] * 6_000,
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, each in value.items():
            found += places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value[:3]):
            found += places(each, (*path, index))
    return found


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    if not path:
        return to
    made = copy.deepcopy(value)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    if to is KeyError:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return made


@pytest.mark.parametrize(("kind", "body"), BY_SAMPLE, ids=[str(n) + kind for n, (kind, _) in enumerate(BY_SAMPLE)])
def test_whatever_is_changed_in_a_sample_both_say_the_same(kind, body):
    rng = random.Random(5)
    theirs, ours = answers(kind, json.dumps(body).encode())
    assert ours == theirs
    for path in places(body):
        for odd in [*rng.sample(ODD, 14), *([KeyError] if path else [])]:
            raw = json.dumps(changed(body, path, odd)).encode()
            theirs, ours = answers(kind, raw)
            assert ours == theirs, (path, odd if odd is KeyError or len(str(odd)) < 99 else "…")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"[", b"]", b"nul", b"NaN", b"Infinity", b"-Infinity", b"01", b"1 2", b"'a'", b"{'a':1}", b'{"a":1,}',
        b"\xff", b"\xef\xbb\xbf{}", b'{"at": 1e999}', b'{"at": NaN}', b'"\\ud800"', b'{"at":1,"boot_id":"\\ud800"}',
        b'{"at":1,"boot_id":"a\x01b"}', b'{"at":1,"boot_id":"\xff"}', b'{"at":1,"at":2}', b"[" * 5_000, b'{"a":' * 5_000,
        b'{"at":1,"boot_id":"\\ud83d\\ude00"}', '{"at":1}'.encode("utf-16"), b'{"at":1}\n\t ', b'{"at":-0}', b'{"at":1.}',
    ],
)  # fmt: skip
def test_what_is_no_json_is_none_to_both(raw):
    for kind in ("hello", "event", "readings"):
        theirs, ours = answers(kind, raw)
        words = ("refused", "no JSON", "too deep")
        assert str(ours).startswith(words) == str(theirs).startswith(words), (ours, theirs)


@pytest.mark.parametrize("kind", list(TYPES))
def test_what_is_written_is_the_same_value(kind):
    for name, body in BY_SAMPLE:
        if name == kind:
            raw = json.dumps(body).encode()
            theirs = msgspec.json.encode(msgspec.json.decode(raw, type=TYPES[kind]))
            ours = plain.json.encode(plain.json.decode(raw, type=TWINS[kind]))
            assert json.loads(ours) == json.loads(theirs)
            assert abs(len(ours) - len(theirs)) <= 0.02 * len(theirs)


@pytest.mark.parametrize("name", list(command_contracts()))
def test_parameters_of_commands_fit_both_or_neither(name):
    kind = command_contracts()[name].parameters
    fields = [field.name for field in msgspec.structs.fields(kind)] or ["loud"]
    mirrored = twin(kind, KNOWN)
    for field in [*fields, "unknown"]:
        for odd in [*ODD, "600", "7.0", " 7", "true", "null", "normal", "1_0", "-1", "1e2"]:
            found = []
            for library, of in ((msgspec, kind), (plain, mirrored)):
                try:
                    found.append(library.to_builtins(library.convert({field: odd}, of, strict=False)))
                except library.ValidationError as error:
                    found.append(str(error))
            assert found[0] == found[1], (field, odd)


def test_a_struct_is_used_alike():
    class Shape(plain.Struct, frozen=True, omit_defaults=True):
        name: str
        size: Annotated[int, plain.Meta(ge=1)] = 1
        parts: list[str] = []
        other: dict[str, int] = {}

    class Box(Shape, kw_only=True, frozen=True):
        lid: Literal["open", "shut"] = "shut"
        key: UUID | None = None

    box = Box("crate", size=2)
    assert repr(box) == "Box(name='crate', size=2, parts=[], other={}, lid='shut', key=None)"
    assert box == Box("crate", 2)
    assert plain.to_builtins(box) == {"name": "crate", "size": 2}
    assert plain.structs.replace(box, name="x").name == "x"
    assert box.parts is not Box("crate").parts
    with pytest.raises(AttributeError, match="immutable"):
        box.name = "y"
    for wrong in ({}, {"name": "a", "nose": 1}):
        with pytest.raises(TypeError):
            Box(**wrong)
    with pytest.raises(TypeError):
        plain.structs.replace(box, nose=1)
    assert plain.json.encode([math.nan, math.inf, (1, 2), {3: UUID(int=1)}]) == (
        b'[null,null,[1,2],{"3":"00000000-0000-0000-0000-000000000001"}]'
    )
    with pytest.raises(UnicodeEncodeError):
        plain.json.encode("\ud800")


@pytest.mark.long
def test_the_agents_tests_pass_without_msgspec():
    """Run them in a separate process, because the substitute applies to the whole process."""
    environment = {**os.environ, "STATION_AGENT_PLAIN": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/agent",
        "tests/wire/test_codec.py",
        "tests/wire/test_samples.py",
        # These documents are generated on the server; only msgspec can make their schemas.
        "-k=not generated_files and not asyncapi",
        # The board's test itself checks an agent without msgspec.
        "--ignore=tests/agent/test_small_board.py",
        "-q",
        "-x",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5_000:]
