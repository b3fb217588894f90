"""Fields of a message that its contract does not know: kept as sent, within limits, for people to read.

Agents can be older or newer than the server, and some are not ours. Only kinds whose contract asks for it are searched.
"""

from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from message_queue.containers import container_of, is_struct

#: Maximum fields kept per message, and JSON bytes kept per field.
FIELDS_MOST, VALUE_MOST = 32, 500
#: Key that holds the number of further fields, and mark of a value that was cut.
MORE = "…"
_WHERE_MOST, _DEPTH_MOST = 120, 6
#: Largest body, in bytes, that is searched.
_LOOKED_THROUGH_MOST = 1_048_576


def also_said(kind: Any, raw: bytes) -> dict[str, Any]:
    """Unknown fields of an accepted body of this type, by path: `radios[0].gain`."""
    if len(raw) > _LOOKED_THROUGH_MOST:
        return {MORE: "too long to be searched"}
    found: dict[str, Any] = {}
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        # A number too big for a float. Decoding by the contract skips unknown fields; decoding everything does not.
        return {MORE: "unreadable"}
    _walk(kind, value, "", found, 0)
    if len(found) > FIELDS_MOST:
        kept = dict(list(found.items())[:FIELDS_MOST])
        return {**kept, MORE: len(found) - FIELDS_MOST}
    return found


def _walk(kind: Any, value: Any, where: str, found: dict[str, Any], depth: int) -> None:
    inner = container_of(kind)
    if depth > _DEPTH_MOST:
        return
    if isinstance(value, list) and get_origin(inner) is list:
        item = get_args(inner)[0]
        if is_struct(container_of(item)):
            called: set[str] = set()
            for i, each in enumerate(value):
                name = _name(each, i)
                if name in called:
                    # Number further records of the same name, so that none replaces another.
                    name = f"{name}#{i}"
                called.add(name)
                _walk(item, each, f"{where}[{name}]", found, depth + 1)
    elif isinstance(value, dict) and is_struct(inner):
        known = _fields(inner)
        for name, each in value.items():
            place = f"{where}.{name}"[-_WHERE_MOST:] if where else name[:_WHERE_MOST]
            if name in known:
                _walk(known[name], each, place, found, depth + 1)
            else:
                found[place] = _bounded(each)


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """Types by name. Looking them up takes longer than decoding the message."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def _name(value: Any, number: int) -> str:
    """Name of a list item in a path: a SenML record's name, otherwise the index."""
    named = value.get("n") if isinstance(value, dict) else None
    return named[:60] if isinstance(named, str) and named else str(number)


def _bounded(value: Any) -> Any:
    """The value, or the beginning of its JSON if that is too long."""
    text = msgspec.json.encode(value)
    return value if len(text) <= VALUE_MOST else text[:VALUE_MOST].decode("utf-8", "ignore") + MORE
