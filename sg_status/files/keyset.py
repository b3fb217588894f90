"""Lists without page numbers: each page begins after the last row of the previous one, so any page costs the same."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

from fleet.core.spoken import count_words
from sg_status.words import counted_words

Row = TypeVar("Row", bound=Model)

#: Rows are counted up to this number: to count a million would take longer than to show a page of them.
COUNTED_MOST = 1_000


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """The rows of one page, the cursor of the next (empty on the last), and whether this is not the first page."""

    rows: list[Row]
    after: str
    is_later: bool


def keyset_page(rows: QuerySet[Row], *, keys: Sequence[str], after: str, size: int) -> KeysetPage[Row]:
    """One page in descending order of `keys`, columns that are never null and unique together.

    `after` is the cursor of the previous page; an unreadable one gives the first page.
    """
    values = _values(after, len(keys))
    if values is not None:
        rows = rows.filter(_behind(keys, values))
    found = list(rows.order_by(*(f"-{key}" for key in keys))[: size + 1])
    end = found[size - 1] if len(found) > size else None
    return KeysetPage(found[:size], _cursor(end, keys) if end else "", is_later=values is not None)


def counted(rows: QuerySet[Any]) -> tuple[int, str]:
    """The number of rows up to the limit, for plural forms, and in words: `812`, `1000+`."""
    number = rows.order_by()[: COUNTED_MOST + 1].count()
    return number, counted_words(number, COUNTED_MOST + 1) if number > COUNTED_MOST else count_words(number)


def _behind(keys: Sequence[str], values: Sequence[Any]) -> Q:
    found, alike = Q(pk__in=[]), Q()
    for key, value in zip(keys, values, strict=True):
        found |= alike & Q(**{f"{key}__lt": value})
        alike &= Q(**{key: value})
    # Redundant, but lets PostgreSQL find the start in an index.
    return found & Q(**{f"{keys[0]}__lte": values[0]})


def _cursor(row: Model, keys: Sequence[str]) -> str:
    values = []
    for key in keys:
        value: Any = row
        for name in key.split("__"):
            value = getattr(value, name)
        values.append({"at": value.isoformat()} if isinstance(value, datetime) else value)
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _values(after: str, number: int) -> list[Any] | None:
    try:
        read = json.loads(after) if after else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, list) or len(read) != number:
        return None
    values = [_moment(value) if isinstance(value, dict) else value for value in read]
    return values if all(_is_usable(value) for value in values) else None


def _moment(value: dict[str, Any]) -> datetime | None:
    try:
        found = parse_datetime(str(value.get("at", "")))
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _is_usable(value: object) -> bool:
    if isinstance(value, str):
        # PostgreSQL stores neither NUL nor lone surrogates.
        return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value)
    return isinstance(value, datetime) or (type(value) is int and abs(value) < 2**63)
