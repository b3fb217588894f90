"""Salvages the good parts of a body that does not fit its contract: one bad field costs only that field.

    refused by strict decoding ─▶ parse, with marks for invalid numbers and texts ─▶ fit field by field
        columns:  a bad value becomes missing; a row without its time, port, line or tag is left out
        SenML:    a record with a bad field is left out, and after a bad base field all records that rely on it

It runs only for refused bodies, so good senders do not pay for it; bodies over `SALVAGE_MOST` bytes are refused whole.
"""

import json
from collections.abc import Callable
from math import isfinite
from typing import Any, get_args, get_origin

import msgspec

from message_queue.columns import columns_of, uneven
from message_queue.containers import container_of, is_struct
from message_queue.contracts.base import Contract, Shape
from message_queue.contracts.readings import SenmlRecord
from message_queue.errors import MessageRefused
from message_queue.left_out import LeftOut, shown
from message_queue.unpacking import structure_check

#: Largest unpacked body, in bytes, that is salvaged.
SALVAGE_MOST = 1_048_576
#: Fields of a SenML record that also apply to the records after it.
_BASE_FIELDS = frozenset({"bn", "bt", "bu", "bv", "bs", "bver"})
#: Fields of a SenML record whose loss changes no value.
_HARMLESS = frozenset({"ut"})
_RECORD_FIELDS = {field.encode_name: field.type for field in msgspec.structs.fields(SenmlRecord)}
_HOLE = object()


class _NoNumber:
    """Mark of a number that cannot be stored: NaN, an infinity, 1e999."""

    def __init__(self, text: str) -> None:
        self.text = text


class _NoText:
    """Mark of a text that the database cannot store: it contains NUL or half a surrogate pair."""


def salvage(contract: Contract, raw: bytes, refused: MessageRefused) -> tuple[Any, LeftOut, bytes]:
    """The good parts of the body, what was left out, and the body as JSON without the entries of lists that were.

    That JSON still has all fields, also unknown ones; what cannot be stored is in words. Raises `MessageRefused` if
    nothing usable is left.
    """
    if len(raw) > SALVAGE_MOST:
        raise refused
    structure_check(raw)
    value = _parse(raw, refused)
    left_out = LeftOut()
    left_out.reason = refused.reason
    body = _SHAPES[contract.shape](contract.body, value, left_out)
    if not left_out:
        raise refused
    if body is _HOLE:
        raise MessageRefused(refused.reason, left_out.sentence(is_alone=True))
    return body, left_out, json.dumps(value, default=_mark_words).encode()


def _mark_words(mark: object) -> str:
    """The mark in place of a value that cannot be stored."""
    return mark.text if isinstance(mark, _NoNumber) else "(text that cannot be stored)"


def _parse(raw: bytes, refused: MessageRefused) -> Any:
    try:
        value = json.loads(raw, parse_constant=_NoNumber, parse_float=_number)
        # Without escapes or NUL bytes there can be no text that the database refuses.
        return _mark_texts(value) if b"\\u" in raw or b"\x00" in raw else value
    except RecursionError as error:
        raise MessageRefused("too-deep", "The body is nested too deeply.") from error
    except ValueError:
        raise refused from None


def _number(text: str) -> "float | _NoNumber":
    number = float(text)
    return number if isfinite(number) else _NoNumber(text[:20])


def _mark_texts(value: Any) -> Any:
    """The value, with texts that cannot be stored replaced by marks."""
    if isinstance(value, str):
        return value if _is_text(value) else _NoText()
    if isinstance(value, list):
        return [_mark_texts(each) for each in value]
    if isinstance(value, dict):
        return {key if _is_text(key) else "?": _mark_texts(each) for key, each in value.items()}
    return value


def _is_text(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _fit(kind: Any, value: Any, where: str, left_out: LeftOut) -> Any:
    """The good parts of the value as this type, or `_HOLE`. Notes each part that does not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        sentence = str(error)
    inner = container_of(kind)
    if isinstance(value, list) and get_origin(inner) is list:
        return _list(kind, get_args(inner)[0], value, where, left_out)
    if isinstance(value, dict) and get_origin(inner) is dict:
        return _dict(kind, inner, value, where, left_out)
    if isinstance(value, dict) and is_struct(inner):
        return _struct(inner, value, where, left_out)
    left_out.note(where, _why(value, sentence))
    return _HOLE


def _why(value: Any, sentence: str) -> str:
    if isinstance(value, _NoNumber):
        return f"{value.text} is not a number that can be stored"
    if isinstance(value, _NoText):
        return "it contains a NUL or half a character, which the database cannot store"
    return f"{sentence.partition(' - at ')[0]} ({shown(value)})"


def _list(kind: Any, item: Any, values: list[Any], where: str, left_out: LeftOut) -> Any:
    fitted = [_fit(item, each, f"{where}[{i}]", left_out) for i, each in enumerate(values)]
    # Unknown fields are found by the place of their entry, which is that in the body.
    values[:] = [value for value, each in zip(values, fitted, strict=True) if each is not _HOLE]
    return _whole(kind, [each for each in fitted if each is not _HOLE], where, left_out)


def _dict(kind: Any, inner: Any, values: dict[str, Any], where: str, left_out: LeftOut) -> Any:
    name, item = get_args(inner)
    kept: dict[str, Any] = {}
    for key, each in values.items():
        place = f"{where}.{key[:40]}"
        if _fit(name, key, place, left_out) is not _HOLE and (fitted := _fit(item, each, place, left_out)) is not _HOLE:
            kept[key] = fitted
    return _whole(kind, kept, where, left_out)


def _whole(kind: Any, value: Any, where: str, left_out: LeftOut) -> Any:
    """A list or dict of the good parts, or `_HOLE` if it is too long or too short."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        left_out.note(where, str(error).partition(" - at ")[0])
        return _HOLE


def _fields(kind: Any, value: Any, left_out: LeftOut) -> Any:
    return _struct(kind, value, "", left_out)


def _struct(kind: Any, value: Any, where: str, left_out: LeftOut) -> Any:
    """The struct with the fields that fit, or `_HOLE` without a required field."""
    if not isinstance(value, dict):
        return _HOLE
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        place = f"{where}.{field.name}" if where else field.name
        if field.encode_name not in value:
            if field.required:
                left_out.note(place, "it is missing")
                return _HOLE
            continue
        fitted = _fit(field.type, value[field.encode_name], place, left_out)
        if fitted is not _HOLE:
            kept[field.name] = fitted
        elif field.required:
            return _HOLE
    return kind(**kept)


def _columns(kind: Any, value: Any, left_out: LeftOut) -> Any:
    """A columnar body without its bad values, and without the rows that lack a required value."""
    if not isinstance(value, dict) or not isinstance(value.get("t"), list):
        return _HOLE
    rows, lost = len(value["t"]), set[int]()
    line = value.get("line")
    if isinstance(line, list) and len(line) == 1 and type(line[0]) is int:
        # A single line number means consecutive lines. Write them out before rows are removed.
        value = {**value, "line": list(range(line[0], line[0] + rows))}
    columns: dict[str, list[Any]] = {}
    for name, item, _may_miss in columns_of(kind):
        if isinstance(value.get(name), list):
            columns[name], bad = _column(name, item, value[name], left_out)
            lost |= bad
    for name, column in columns.items():
        if len(column) == rows:
            columns[name] = [each for i, each in enumerate(column) if i not in lost]
        elif name == "line" and len(column) == 1:
            columns[name] = []
        elif any(each is _HOLE for each in column):
            # Without its bad entries it could look as long as the others, with each value in the wrong row.
            raise uneven(name, len(column), rows)
    return _struct(kind, {**value, **columns}, "", left_out)


def _column(name: str, item: Any, values: list[Any], left_out: LeftOut) -> tuple[list[Any], set[int]]:
    """The column with None for bad values if it allows None; otherwise the indexes of rows to leave out."""
    may_miss = type(None) in get_args(item)
    fitted = [_fit(item, each, f"{name}[{i}]", left_out) for i, each in enumerate(values)]
    bad = {i for i, each in enumerate(fitted) if each is _HOLE}
    if may_miss:
        return [None if each is _HOLE else each for each in fitted], set()
    return fitted, bad


def _pack(kind: Any, values: Any, left_out: LeftOut) -> Any:
    """A SenML pack. A bad record is replaced by one that only sets its good base fields."""
    if not isinstance(values, list) or not values:
        return _HOLE
    records: list[SenmlRecord] = []
    unknown: set[str] = set()
    for i, value in enumerate(values):
        if not isinstance(value, dict):
            left_out.note(f"record {i + 1}", f"it is {shown(value)}, not an object")
            continue
        record = _record(i + 1, value, unknown, left_out)
        if record is not None:
            records.append(record)
    return _whole(kind, records, "the pack", left_out) if records else _HOLE


def _record(number: int, value: dict[str, Any], unknown: set[str], left_out: LeftOut) -> SenmlRecord | None:
    """One record, or None if nothing usable is left of it.

    `unknown` holds the base fields whose latest value was unreadable; records that rely on them are left out.
    """
    kept: dict[str, Any] = {}
    where = f"record {number}"
    if isinstance(value.get("n"), str):
        where += f" ({value['n'][:40]!r})"
    is_good = True
    for name, kind in _RECORD_FIELDS.items():
        if value.get(name) is None:
            continue
        fitted = _fit(kind, value[name], f"{where}, {name}", left_out)
        if fitted is not _HOLE:
            kept[name] = fitted
            unknown.discard(name)
        elif name in _BASE_FIELDS:
            unknown.add(name)
        else:
            is_good = is_good and name in _HARMLESS
    if must := next((name for name in value if name.endswith("_")), None):
        left_out.note(where, f"the field {must[:40]!r} must be understood, but is unknown", reason="must-understand")
        is_good = False
    base = {name: each for name, each in kept.items() if name in _BASE_FIELDS}
    if is_good and (relied := _unreadable_base(kept, unknown)) and kept.keys() - base.keys():
        left_out.note(where, f"it relies on {relied!r}, which could not be read")
        is_good = False
    if not is_good:
        kept = base
    # A record that was sent empty is refused later, by `resolve`.
    return SenmlRecord(**kept) if kept or not value else None


def _unreadable_base(kept: dict[str, Any], unknown: set[str]) -> str:
    """The first unreadable base field that a record relies on, or empty."""
    return next((name for name in sorted(unknown) if name != "bu" or "u" not in kept), "")


_SHAPES: dict[Shape, Callable[[Any, Any, LeftOut], Any]] = {
    Shape.FIELDS: _fields,
    Shape.COLUMNS: _columns,
    Shape.PACK: _pack,
}
