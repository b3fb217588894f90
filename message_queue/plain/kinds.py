"""Compiles a type into a function that turns a plain value into a typed one, or raises an error."""

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn
from uuid import UUID

from message_queue.plain.structs import NODEFAULT, Meta, StructMeta, default_make, struct_new, types_of


class MsgspecError(Exception):
    """Base of the errors."""


class EncodeError(MsgspecError):
    """A value that cannot be encoded."""


class DecodeError(MsgspecError):
    """Bytes that cannot be decoded."""


class ValidationError(DecodeError):
    """A value that does not fit its type."""


#: Takes a value and its path (`$.a[1]`); returns the typed value.
Check = Callable[[Any, str], Any]

_ORDER = ("bool", "int", "float", "str", "uuid", "array", "object", "null")
_NAMES: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}
_INT = re.compile(r"-?(0|[1-9][0-9]*)(\.0+)?\Z")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z|[+-]?(nan|inf|infinity)\Z", re.IGNORECASE)
#: Range of 64-bit integers; outside it msgspec treats an integer as a float.
_LEAST, _MOST = -(2**63), 2**64
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class TooBig(float):
    """A JSON number too big for a float, marked so that it is refused with its path."""


def refuse(sentence: str, place: str) -> NoReturn:
    """Raise `ValidationError` with the path of the value."""
    if place.startswith("key:"):
        raise ValidationError(f"{sentence} - at `key` in `{place[4:]}`")
    raise ValidationError(sentence if place == "$" else f"{sentence} - at `{place}`")


def name_of(value: Any) -> str:
    """The name of a value's type in an error."""
    known = _NAMES.get(type(value))
    if known:
        return known
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list | tuple | set) else "object"


@cache
def check_of(kind: Any, *, lax: bool) -> Check:
    """The check for a type; `lax` also accepts numbers and booleans written as text."""
    return _Union(_alternatives(kind, lax=lax), lax=lax).check


class _Alternative(typing.NamedTuple):
    """One of the types that a value may have, by its JSON name."""

    name: str
    check: Check


def _alternatives(  # noqa: PLR0911 - one kind of type each
    kind: Any, *, lax: bool, meta: Meta | None = None
) -> list[_Alternative]:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        inner, *extras = typing.get_args(kind)
        return _alternatives(inner, lax=lax, meta=next((each for each in extras if isinstance(each, Meta)), meta))
    if origin in (typing.Union, types.UnionType):
        return [each for part in typing.get_args(kind) for each in _alternatives(part, lax=lax, meta=meta)]
    if origin is typing.Literal:
        return _literal(typing.get_args(kind))
    bounds = meta.bounds if meta else {}
    if kind is Any or kind is object:
        return [_Alternative("any", lambda value, _place: value)]
    if kind in (None, type(None)):
        return [_Alternative("null", lambda value, _place: value)]
    if kind is bool:
        return [_Alternative("bool", lambda value, _place: value)]
    if kind in (int, float):
        return [_Alternative(kind.__name__, _number(kind, bounds))]
    if kind is str:
        return [_Alternative("str", _sized("str", bounds))]
    if kind is UUID:
        return [_Alternative("uuid", _uuid)]
    return _compound(kind, origin, bounds, lax=lax)


def _compound(kind: Any, origin: Any, bounds: dict[str, Any], *, lax: bool) -> list[_Alternative]:
    arguments = typing.get_args(kind)
    if kind in (list, tuple) or origin in (list, tuple):
        return [_Alternative("array", _array(origin or kind, arguments, bounds, lax=lax))]
    if kind is dict or origin is dict:
        return [_Alternative("object", _mapping(arguments or (Any, Any), bounds, lax=lax))]
    if isinstance(kind, StructMeta):
        return [_Alternative("object", _struct(kind, lax=lax))]
    if dataclasses.is_dataclass(kind):
        return [_Alternative("object", _dataclass(kind, lax=lax))]
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return [_Alternative("array", _named_tuple(kind, lax=lax))]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _literal(tuple(each.value for each in kind), kind)
    raise TypeError(f"The type {kind!r} is not supported.")


class _Union:
    """Finds the alternative for a value by its type."""

    def __init__(self, alternatives: list[_Alternative], *, lax: bool) -> None:
        self._lax = lax
        self._by_name = {each.name: each.check for each in alternatives}
        self._any = self._by_name.get("any")
        self._expected = " | ".join(name for name in _ORDER if name in self._by_name)

    def check(self, value: Any, place: str) -> Any:
        """Return the typed value, or raise `ValidationError`."""
        if type(value) is TooBig:
            refuse("Number out of range", place)
        if self._any is not None:
            return value
        name, by_name = name_of(value), self._by_name
        if name in by_name:
            return by_name[name](value, place)
        if name == "int" and "float" in by_name:
            return by_name["float"](float(value), place)
        if name == "str" and "uuid" in by_name:
            return by_name["uuid"](value, place)
        if self._lax:
            found = self._lax_value(value, name)
            if found is not NODEFAULT:
                return by_name[name_of(found)](found, place)
        if name == "int" and not self._lax and not _LEAST <= value < _MOST:
            name = "float"
        return refuse(f"Expected `{self._expected}`, got `{name}`", place)

    def _lax_value(self, value: Any, name: str) -> Any:  # noqa: PLR0911 - one way each
        by_name = self._by_name
        if name == "str":
            if "int" in by_name and (whole := _whole(value)) is not None:
                return whole
            if "float" in by_name and _FLOAT.match(value):
                return float(value)
            if "bool" in by_name and value.lower() in _TRUTHS:
                return _TRUTHS[value.lower()]
            if "null" in by_name and value.lower() == "null":
                return None
        elif name == "int" and "bool" in by_name and value in (0, 1):
            return bool(value)
        elif name == "float" and "int" in by_name and value.is_integer() and _LEAST <= value < _MOST:
            return int(value)
        return NODEFAULT


def _whole(text: str) -> int | None:
    if _INT.match(text):
        return int(text.partition(".")[0])
    value = float(text) if _FLOAT.match(text) else 0.5
    return int(value) if value.is_integer() and _LEAST <= value < _MOST else None


def _number(kind: type, bounds: dict[str, Any]) -> Check:
    name = kind.__name__
    limits = [(key, bounds[key]) for key in ("ge", "gt", "le", "lt") if key in bounds]
    if kind is int:
        # Like msgspec, name the next whole number in errors.
        limits = [
            ("ge", limit + 1) if key == "gt" else ("le", limit - 1) if key == "lt" else (key, limit)
            for key, limit in limits
        ]
    limits = [(key, kind(limit)) for key, limit in limits]
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}

    def check(value: Any, place: str) -> Any:
        for key, limit in limits:
            fits = {"ge": value >= limit, "gt": value > limit, "le": value <= limit, "lt": value < limit}[key]
            if not fits:
                refuse(f"Expected `{name}` {signs[key]} {limit}", place)
        return value

    return check if limits else lambda value, _place: value


def _sized(name: str, bounds: dict[str, Any]) -> Check:
    least, most = bounds.get("min_length", 0), bounds.get("max_length")

    def check(value: Any, place: str) -> Any:
        if len(value) < least:
            refuse(f"Expected `{name}` of length >= {least}", place)
        if most is not None and len(value) > most:
            refuse(f"Expected `{name}` of length <= {most}", place)
        return value

    return check


def _uuid(value: Any, place: str) -> Any:
    try:
        return value if isinstance(value, UUID) else UUID(_uuid_text(value))
    except ValueError:
        return refuse("Invalid UUID", place)


def _uuid_text(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ValueError(value)
    return value


def _literal(values: tuple[Any, ...], kind: Any = None) -> list[_Alternative]:
    def check(value: Any, place: str) -> Any:
        if value not in values:
            shown = value if not isinstance(value, str) else f"'{value}'"
            refuse(f"Invalid enum value {shown}", place)
        return value if kind is None else kind(value)

    return [_Alternative(name, check) for name in dict.fromkeys(name_of(each) for each in values)]


def _array(origin: Any, arguments: tuple[Any, ...], bounds: dict[str, Any], *, lax: bool) -> Check:
    inner, sized = check_of(arguments[0] if arguments else Any, lax=lax), _sized("array", bounds)

    def check(value: Any, place: str) -> Any:
        if lax:
            # Like msgspec, which knows the length of a list before it converts it, but not before it decodes it.
            sized(value, place)
        found = [inner(each, f"{place}[{index}]") for index, each in enumerate(value)]
        sized(found, place)
        return found if origin is list else tuple(found)

    return check


def _mapping(arguments: tuple[Any, ...], bounds: dict[str, Any], *, lax: bool) -> Check:
    keys, values = (check_of(each, lax=lax) for each in arguments)
    sized = _sized("object", bounds)

    def check(value: Any, place: str) -> Any:
        sized(value, place)
        return {keys(key, f"key:{place}"): values(each, f"{place}[...]") for key, each in value.items()}

    return check


def _struct(cls: StructMeta, *, lax: bool) -> Check:
    checks: dict[str, Check] = {}

    def check(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            return value
        if not checks:
            checks.update({name: check_of(kind, lax=lax) for name, kind in types_of(cls).items()})
        found = {}
        for key, each in value.items():
            known = checks.get(key)
            if known is not None:
                found[key] = known(each, f"{place}.{key}")
            elif cls.struct_settings["forbid_unknown_fields"]:
                refuse(f"Object contains unknown field `{key}`", place)
        return struct_new(cls, {name: _given(cls, name, found, place) for name in cls.__struct_fields__})

    return check


def _given(cls: StructMeta, name: str, found: dict[str, Any], place: str) -> Any:
    if name in found:
        return found[name]
    try:
        return default_make(cls, name)
    except TypeError:
        return refuse(f"Object missing required field `{name}`", place)


def _dataclass(cls: Any, *, lax: bool) -> Check:
    def check(value: Any, place: str) -> Any:
        hints = typing.get_type_hints(cls, include_extras=True)
        known = {field.name for field in dataclasses.fields(cls)} & set(value)
        try:
            return cls(**{name: check_of(hints[name], lax=lax)(value[name], f"{place}.{name}") for name in known})
        except TypeError as error:
            raise ValidationError(str(error)) from error

    return check


def _named_tuple(cls: Any, *, lax: bool) -> Check:
    def check(value: Any, place: str) -> Any:
        hints = typing.get_type_hints(cls, include_extras=True)
        if len(value) > len(cls._fields):
            refuse(f"Expected `array` of at most length {len(cls._fields)}", place)
        named = zip(cls._fields, value, strict=False)
        try:
            return cls(
                *(check_of(hints[name], lax=lax)(each, f"{place}[{index}]") for index, (name, each) in enumerate(named))
            )
        except TypeError as error:
            raise ValidationError(str(error)) from error

    return check
