"""Lists of rows: sorted by declared columns, a page at a time, each page beginning where the last one ended.

A cursor holds the values of the last row, so a row that comes or goes meanwhile moves no other one in or out of view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from rest_framework import serializers
from rest_framework.request import Request

from fleet.core.errors import InvalidInput
from rest_api.paging import cursor_address, cursor_bad, cursor_decode, cursor_encode
from rest_api.questions import StrictSerializer

Row = TypeVar("Row", bound=Model)

LIMIT_USUAL, LIMIT_MOST = 100, 500
#: Largest id that PostgreSQL keeps.
ID_MOST = 2**63 - 1
#: Columns in one `sort`.
_SORTS_MOST = 4


class ListQuery(StrictSerializer):
    """What every list takes."""

    sort = serializers.CharField(
        required=False, max_length=120, help_text="Columns with commas between; `-` before one turns it round."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, default=LIMIT_USUAL, help_text=f"Rows of a page; at most {LIMIT_MOST} come."
    )
    cursor = serializers.CharField(required=False, max_length=1_000, help_text="From `next` of the page before.")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a list is sorted by: where its value lies, and what kind of value that is."""

    path: str
    kind: type[str] | type[int] | type[float] | type[datetime] | type[UUID] = str
    #: Every row has a value here, so that an index may give the order as it stands.
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and the address of those that follow."""

    rows: list[Row]
    next: str | None


@dataclass(frozen=True, slots=True)
class _Key:
    column: Column
    is_turned: bool


def page_read(
    request: Request,
    query: Mapping[str, Any],
    rows: QuerySet[Row],
    *,
    columns: Mapping[str, Column],
    usual: str,
    last: Column | Sequence[Column],
) -> Page[Row]:
    """One page of a list. `query` is a checked `ListQuery`; `last` tells rows apart that are alike in all else.

    Rows without a value in a column come after those with one. Raises `InvalidInput` for a sort or cursor that is none.
    """
    keys = _keys(query.get("sort") or usual, columns)
    # They go the way of the first column: the newest first also among those of one moment.
    keys += [_Key(column, is_turned=keys[0].is_turned) for column in _many(last)]
    for key in keys:
        if "__" in key.column.path:
            # A value of a joined row has to lie on the row, for the next cursor.
            rows = rows.annotate(**{_name(key): F(key.column.path)})
    limit = min(query["limit"], LIMIT_MOST)
    if cursor := query.get("cursor", ""):
        rows = rows.filter(_after(keys, _values(cursor, keys)))
    found = list(rows.order_by(*map(_order, keys))[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    values = [getattr(found[limit - 1], _name(key)) for key in keys]
    plain = [str(value) if isinstance(value, UUID) else value for value in values]
    return Page(found[:limit], cursor_address(request, cursor_encode(*plain)))


def _order(key: _Key) -> OrderBy:
    nulls_last = None if key.column.is_filled else True
    path = F(key.column.path)
    return path.desc(nulls_last=nulls_last) if key.is_turned else path.asc(nulls_last=nulls_last)


def _many(last: Column | Sequence[Column]) -> Sequence[Column]:
    return [last] if isinstance(last, Column) else last


def _name(key: _Key) -> str:
    return key.column.path.replace("__", "_of_")


def _keys(sort: str, columns: Mapping[str, Column]) -> list[_Key]:
    names = [part.strip() for part in sort.split(",")]
    unknown = [name for name in names if name.removeprefix("-") not in columns]
    if unknown or len(names) > _SORTS_MOST:
        told = ", ".join(columns)
        raise InvalidInput(
            f"This cannot be sorted by {unknown[0][:40]!r}: use one of {told}."
            if unknown
            else f"Sort by at most {_SORTS_MOST} columns.",
            field="sort",
        )
    return [_Key(columns[name.removeprefix("-")], name.startswith("-")) for name in names]


def _values(cursor: str, keys: Sequence[_Key]) -> list[Any]:
    values = cursor_decode(cursor, len(keys))
    return [_value(value, key.column.kind) for value, key in zip(values, keys, strict=True)]


def _value(value: Any, kind: type) -> Any:
    if value is None:
        return None
    if kind in (datetime, UUID) and isinstance(value, str):
        try:
            read = datetime.fromisoformat(value) if kind is datetime else UUID(value)
        except ValueError as error:
            raise cursor_bad() from error
        if isinstance(read, UUID) or read.tzinfo is not None:
            return read
    if kind is int and type(value) is int and abs(value) < 2**63:
        return value
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind is str and isinstance(value, str) and "\x00" not in value:
        return value
    raise cursor_bad()


def _after(keys: Sequence[_Key], values: Sequence[Any]) -> Q:
    """What comes after these values: later in the first column in which it differs."""
    found, alike = Q(pk__in=[]), Q()
    for key, value in zip(keys, values, strict=True):
        path, way = key.column.path, "lt" if key.is_turned else "gt"
        if value is not None:
            beyond = Q(**{f"{path}__{way}": value})
            found |= alike & (beyond if key.column.is_filled else beyond | Q(**{f"{path}__isnull": True}))
            alike &= Q(**{path: value})
        elif key.column.is_filled:
            raise cursor_bad()
        else:
            alike &= Q(**{f"{path}__isnull": True})
    first, way = keys[0].column, "lte" if keys[0].is_turned else "gte"
    # Follows from the rest, and is what an index is entered by.
    return found & Q(**{f"{first.path}__{way}": values[0]}) if first.is_filled else found
