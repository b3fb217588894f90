"""Bodies in columns: one list per quantity; the entries at one index describe one row.

`t` holds the times, added to `bt`. Any other column may be left empty if it has a default. A single `line` is the first
of consecutive lines.
"""

from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

from msgspec.structs import fields

from message_queue.containers import container_of
from message_queue.errors import MessageRefused


class Column(NamedTuple):
    """A field that may be a column: its name, the type of its entries, and whether it may be left empty."""

    name: str
    item: Any
    may_miss: bool


@cache
def columns_of(kind: type) -> tuple[Column, ...]:
    """The columns of a type of body."""
    inner = [(field, container_of(field.type)) for field in fields(kind)]
    return tuple(Column(f.name, get_args(c)[0], not f.required) for f, c in inner if get_origin(c) is list)


def columns_check(body: Any) -> None:
    """Raise `MessageRefused` if a column is not as long as `t`."""
    rows = len(body.t)
    for name, _item, may_miss in columns_of(body.__class__):
        column = getattr(body, name)
        # `port` may be one number for all rows.
        if not isinstance(column, list) or len(column) == rows or (may_miss and not column):
            continue
        if name != "line" or len(column) != 1:
            raise uneven(name, len(column), rows)


def uneven(name: str, length: int, rows: int) -> MessageRefused:
    """The refusal of a column that is not as long as `t`."""
    return MessageRefused("uneven-columns", f"Column {name!r} has {length} values but 't' has {rows}.")


def rows_of(body: Any) -> int:
    """The number of rows."""
    return len(body.t)


def first_time_of(body: Any) -> float | None:
    """The time of the first row."""
    return float(body.bt + body.t[0])
