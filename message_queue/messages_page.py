"""The page docs/reference/messages.md: tables of all kinds, file messages and commands, from the contracts."""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

import msgspec

from message_queue.containers import container_of, is_struct
from message_queue.contracts import contracts
from message_queue.contracts.base import Body, Contract, Shape
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandContract
from message_queue.pieces import ASK_KEY, FILES_QUEUE, PIECE_KEY, PIECE_MOST, UploadAnswer, UploadAsked

_HEAD = """# Kinds and commands

`python -m message_queue.generate` writes this page from `message_queue/contracts/`. [The wire](wire.md) says what the
messages mean, [asyncapi.json](asyncapi.json) has every bound.

## Kinds
"""
_SHAPES = {Shape.FIELDS: "object: ", Shape.COLUMNS: "object of columns: ", Shape.PACK: "list of SenML records: "}
#: Fields that any object may have.
_SHARED = frozenset(field.name for field in msgspec.structs.fields(Body))
_SMALL = 8
_UNITS = ((86_400, "day", "days"), (3_600, "hour", "hours"), (60, "minute", "minutes"), (1, "second", "seconds"))


def messages_page() -> str:
    """The whole page as Markdown."""
    kinds = [_kind_row(contract) for contract in contracts().values()]
    commands = [_command_row(contract) for contract in command_contracts().values()]
    return "\n".join(
        [
            _HEAD,
            *_table(("kind", "queue", "body", "what it is for"), kinds),
            "\n## Files\n",
            *_table(("key", "queue", "body", "what it is for"), _file_rows()),
            "\n## Commands\n",
            *_table(("command", "parameters", "default lifetime", "who may send it", "what it does"), commands),
            "",
        ]
    )


def _file_rows() -> list[tuple[str, ...]]:
    """Messages about files over AMQP, which are not kinds."""
    return [
        (
            f"`{ASK_KEY}`",
            f"`{FILES_QUEUE}`",
            "object: " + _fields(UploadAsked),
            "A file that the station is about to send.",
        ),
        (
            f"`{PIECE_KEY}`",
            f"`{FILES_QUEUE}`",
            f"at most {PIECE_MOST:,} bytes",
            "Bytes of it. Only the station itself.",
        ),
        ("the answer", "`reply_to`", "object: " + _fields(UploadAnswer), "How far the upload is."),
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def _kind_row(contract: Contract) -> tuple[str, ...]:
    body = _SHAPES[contract.shape] + _fields(contract.body)
    only = " Only the station itself may send it." if contract.only_by_station else ""
    return f"`{contract.kind}`", f"`{contract.lane.value}`", body, contract.summary + only


def _fields(kind: Any, *, is_inner: bool = False) -> str:
    """The names of the fields; those of listed and of small inner objects follow in brackets, one level deep."""
    inner = container_of(kind)
    if get_origin(inner) is list:
        inner = container_of(get_args(inner)[0])
    if not is_struct(inner):
        return ""
    named = []
    for field in msgspec.structs.fields(inner):
        if field.name in _SHARED and not is_inner:
            continue
        of_field = container_of(field.type)
        is_list = get_origin(of_field) is list
        is_shown = not is_inner and (
            is_list or (is_struct(of_field) and len(msgspec.structs.fields(of_field)) <= _SMALL)
        )
        within, mark = _fields(of_field, is_inner=True) if is_shown else "", "[]" if is_list else ""
        named.append(f"`{field.encode_name}{mark}`" + (f" ({within})" if within else ""))
    return ", ".join(named)


def _command_row(contract: CommandContract) -> tuple[str, ...]:
    _schema, parts = msgspec.json.schema_components([contract.parameters], ref_template="{name}")
    fields = {name: field for part in parts.values() for name, field in part.get("properties", {}).items()}
    parameters = "; ".join(f"`{name}`{_bounds(field)}" for name, field in fields.items())
    return f"`{contract.name}`", parameters, _span(contract.default_expiry), contract.role, contract.explanation


def _bounds(field: dict[str, Any]) -> str:
    """The bounds or choices of a parameter, and its default."""
    said = ""
    if "enum" in field:
        said = ": " + ", ".join(f"`{each}`" for each in field["enum"])
    elif "minimum" in field and "maximum" in field:
        said = f" {field['minimum']:,} to {field['maximum']:,}"
    return said + (f", otherwise {field['default']:,}" if isinstance(field.get("default"), int | float) else "")


def _span(seconds: int) -> str:
    """A span in the largest unit that divides it."""
    size, one, many = next(unit for unit in _UNITS if seconds % unit[0] == 0)
    return f"{seconds // size} {one if seconds == size else many}"
