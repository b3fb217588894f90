"""Fields that a message has and its contract does not know: kept as sent, within bounds, for people to read.

Agents are older and newer than the server, and not all of them are ours. Looked for in what a station says of itself and
in readings; the columns of detections and fixes have none.
"""

from typing import Any, get_args, get_origin

import msgspec

from message_queue.salvage import container_of

#: Fields that are kept of one message, and bytes of JSON of one of them.
FIELDS_MOST, VALUE_MOST = 32, 500
#: Under this word stands how many more there were.
MORE = "…"
_WHERE_MOST, _DEPTH_MOST = 120, 6
#: Bytes of a body that is looked through.
_LOOKED_THROUGH_MOST = 1_048_576


def also_said(kind: Any, raw: bytes) -> dict[str, Any]:
    """The unknown fields of a body of this type that was taken, by where they stood: `radios[0].gain`."""
    if len(raw) > _LOOKED_THROUGH_MOST:
        return {MORE: "too long to be looked through"}
    found: dict[str, Any] = {}
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        # A number that no float holds: decoding by the contract passes over it, decoding all of it does not.
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
        if _is_struct(container_of(item)):
            called: set[str] = set()
            for i, each in enumerate(value):
                name = _name(each, i)
                if name in called:
                    # Ten records of one name say ten things.
                    name = f"{name}#{i}"
                called.add(name)
                _walk(item, each, f"{where}[{name}]", found, depth + 1)
    elif isinstance(value, dict) and _is_struct(inner):
        known = {field.encode_name: field.type for field in msgspec.structs.fields(inner)}
        for name, each in value.items():
            place = f"{where}.{name}"[-_WHERE_MOST:] if where else name[:_WHERE_MOST]
            if name in known:
                _walk(known[name], each, place, found, depth + 1)
            else:
                found[place] = _bounded(each)


def _name(value: Any, number: int) -> str:
    """How one of a list is called: a SenML record by its name, everything else by its place."""
    named = value.get("n") if isinstance(value, dict) else None
    return named[:60] if isinstance(named, str) and named else str(number)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _bounded(value: Any) -> Any:
    """The value, or the beginning of its JSON where that is long."""
    text = msgspec.json.encode(value)
    return value if len(text) <= VALUE_MOST else text[:VALUE_MOST].decode("utf-8", "ignore") + MORE
