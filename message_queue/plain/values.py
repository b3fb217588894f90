"""Conversion between typed and plain values."""

import dataclasses
import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from message_queue.plain.kinds import check_of
from message_queue.plain.structs import NODEFAULT, Struct

_PLAIN = (str, int, float, bool, type(None))


def convert(obj: Any, type: Any, *, strict: bool = True) -> Any:  # noqa: A002 - the library's name
    """Convert a plain value to this type. Raises `ValidationError`."""
    return check_of(type, lax=not strict)(obj, "$")


def to_builtins(obj: Any) -> Any:  # noqa: PLR0911 - one kind each
    """Convert a typed value to plain values."""
    if isinstance(obj, enum.Enum):
        return to_builtins(obj.value)
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, Struct):
        return _struct_plain(obj)
    if isinstance(obj, dict):
        return {_key(key): to_builtins(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple | set | frozenset):
        return [to_builtins(each) for each in obj]
    if isinstance(obj, UUID):
        return str(obj)
    if isinstance(obj, datetime | date):
        return obj.isoformat().replace("+00:00", "Z")
    if dataclasses.is_dataclass(obj):
        return {field.name: to_builtins(getattr(obj, field.name)) for field in dataclasses.fields(obj)}
    raise TypeError(f"Encoding objects of type {type(obj).__name__} is unsupported")


def _key(key: Any) -> Any:
    return key if isinstance(key, str) else str(to_builtins(key))


def _struct_plain(obj: Any) -> dict[str, Any]:
    cls, found = type(obj), {}
    omit = cls.struct_settings["omit_defaults"]
    for name in cls.__struct_fields__:
        value = obj.__dict__[name]
        if not (omit and _is_default(cls, name, value)):
            found[name] = to_builtins(value)
    return found


def _is_default(cls: Any, name: str, value: Any) -> bool:
    """Like msgspec: the identical default, or an empty collection if that is the default."""
    known = cls.struct_defaults[name]
    if known.default_factory is not NODEFAULT:
        return known.default_factory in (list, dict, set) and type(value) is known.default_factory and not value
    return value is known.default
