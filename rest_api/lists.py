"""Paged lists, sorted by declared columns; each page starts where the previous one ended.

A cursor holds the values of the last row, so rows added or removed meanwhile do not shift the others across pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from rest_framework import serializers
from rest_framework.request import Request

from fleet.core.errors import InvalidInput
from rest_api.paging import Page, cursor_address, cursor_bad, cursor_decode, cursor_encode, page_cut
from rest_api.questions import StrictSerializer

Row = TypeVar("Row", bound=Model)

LIMIT_USUAL, LIMIT_MOST = 100, 500
#: Largest id that PostgreSQL can store.
ID_MOST = 2**63 - 1
#: Maximum columns in one `sort`.
_SORTS_MOST = 4


class ListQuery(StrictSerializer):
    """Parameters of every list."""

    sort = serializers.CharField(
        required=False, max_length=120, help_text="Comma-separated columns; a leading `-` sorts descending."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, default=LIMIT_USUAL, help_text=f"Rows per page, at most {LIMIT_MOST}."
    )
    cursor = serializers.CharField(required=False, max_length=1_000, help_text="From `next` of the previous page.")


class PeriodListQuery(ListQuery):
    """Parameters of a list that can be limited to a period: `from` (inclusive) and `to` (exclusive), both optional."""

    #: The event that the period limits: a participle or a noun, as in "Issued at or after this moment."
    period_of = "Happened"

    def get_fields(self) -> dict[str, Any]:
        """Declare `from` and `to` here, because `from` is a Python keyword and cannot be a class attribute."""
        start = serializers.DateTimeField(required=False, help_text=f"{self.period_of} at or after this moment.")
        end = serializers.DateTimeField(required=False, help_text=f"{self.period_of} before this moment.")
        return {"from": start, "to": end, **super().get_fields()}


@dataclass(frozen=True, slots=True)
class SortColumn:
    """A sortable column: the path to its value, and the type of that value."""

    path: str
    kind: type[str] | type[int] | type[float] | type[datetime] | type[UUID] = str
    #: True if the column is never null, so that an index can provide the order directly.
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    column: SortColumn
    is_descending: bool


def page_read(
    request: Request,
    query: Mapping[str, Any],
    rows: QuerySet[Row],
    *,
    columns: Mapping[str, SortColumn],
    usual: str,
    last: SortColumn | Sequence[SortColumn],
) -> Page[Row]:
    """Return one page of a list. `query` is a validated `ListQuery`; `last` breaks ties between otherwise equal rows.

    Rows with null in a column come after those with a value. Raises `InvalidInput` for an invalid sort or cursor.
    """
    keys = _keys(query.get("sort") or usual, columns)
    # Tie-breakers sort in the direction of the first column, so "newest first" also holds within one moment.
    keys += [_Key(column, is_descending=keys[0].is_descending) for column in _many(last)]
    for key in keys:
        if "__" in key.column.path:
            # Copy joined values onto the row: the next cursor reads them from there.
            rows = rows.annotate(**{_name(key): F(key.column.path)})
    limit = min(query["limit"], LIMIT_MOST)
    if cursor := query.get("cursor", ""):
        rows = rows.filter(_after(keys, _values(cursor, keys)))
    found = list(rows.order_by(*map(_order, keys))[: limit + 1])
    return page_cut(found, limit, lambda row: cursor_address(request, _cursor(row, keys)))


def _cursor(row: Model, keys: Sequence[_Key]) -> str:
    values = [getattr(row, _name(key)) for key in keys]
    return cursor_encode(*(str(value) if isinstance(value, UUID) else value for value in values))


def _order(key: _Key) -> OrderBy:
    nulls_last = None if key.column.is_filled else True
    path = F(key.column.path)
    return path.desc(nulls_last=nulls_last) if key.is_descending else path.asc(nulls_last=nulls_last)


def _many(last: SortColumn | Sequence[SortColumn]) -> Sequence[SortColumn]:
    return [last] if isinstance(last, SortColumn) else last


def _name(key: _Key) -> str:
    return key.column.path.replace("__", "_of_")


def _keys(sort: str, columns: Mapping[str, SortColumn]) -> list[_Key]:
    names = [part.strip() for part in sort.split(",")]
    unknown = [name for name in names if name.removeprefix("-") not in columns]
    if unknown or len(names) > _SORTS_MOST:
        told = ", ".join(columns)
        raise InvalidInput(
            f"Cannot sort by {unknown[0][:40]!r}. Use one of: {told}."
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
    """Condition for rows after these values: later in the first column that differs."""
    found, alike = Q(pk__in=[]), Q()
    for key, value in zip(keys, values, strict=True):
        path, way = key.column.path, "lt" if key.is_descending else "gt"
        if value is not None:
            beyond = Q(**{f"{path}__{way}": value})
            found |= alike & (beyond if key.column.is_filled else beyond | Q(**{f"{path}__isnull": True}))
            alike &= Q(**{path: value})
        elif key.column.is_filled:
            raise cursor_bad()
        else:
            alike &= Q(**{f"{path}__isnull": True})
    first, way = keys[0].column, "lte" if keys[0].is_descending else "gte"
    # Redundant, but lets PostgreSQL find the start in an index.
    return found & Q(**{f"{first.path}__{way}": values[0]}) if first.is_filled else found
