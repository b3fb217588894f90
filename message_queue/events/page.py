"""The page docs/reference/events.md: every event with its fields and an example, generated from the declarations."""

from collections.abc import Iterator
from datetime import datetime
from types import NoneType
from typing import Any, get_args

import msgspec

from message_queue.events.kinds import EVENT_KINDS, EventKind, FleetEvent

_HEAD = """# Events

`python -m message_queue.generate` writes this page from `message_queue/events/kinds.py`. An event tells that something
changed at a station. Programs get events through a [tap](../how-to/listen-to-what-happens.md).

Events are published on the exchange `fleet.events` after the change has been committed, with the routing key
`<organization>.<station>.<event>`: the organization's short name, as in the addresses of its pages, and the station's
serial. Each is a JSON object; times are ISO 8601 in UTC. An event may arrive twice; its body is then the same. New
events and new fields may be added: ignore what you do not know.

Events carry no coordinates. Every event has these fields:
"""
_WORDS = {str: "text", int: "number", datetime: "time", NoneType: "null"}
_SHARED = frozenset(FleetEvent.__struct_fields__)


def events_page() -> str:
    """The whole page as Markdown."""
    lines = [_HEAD, *_fields(FleetEvent)]
    for kind in EVENT_KINDS:
        lines += ["", *_kind(kind)]
    return "\n".join([*lines, ""])


def _kind(kind: EventKind) -> Iterator[str]:
    yield f"## {str(kind.body.__doc__).rstrip('.')}"
    yield ""
    yield "| event | when |"
    yield "| --- | --- |"
    for name, when in kind.when.items():
        yield f"| `{name}` | {when} |"
    yield ""
    yield "It adds:"
    yield ""
    yield from _fields(kind.body, without=_SHARED)
    yield ""
    yield "```json"
    yield from msgspec.json.format(msgspec.json.encode(kind.example), indent=2).decode().splitlines()
    yield "```"


def _fields(body: type[FleetEvent], without: frozenset[str] = frozenset()) -> Iterator[str]:
    yield "| field | value | meaning |"
    yield "| --- | --- | --- |"
    for field in msgspec.structs.fields(body):
        if field.name not in without:
            kind, meta = get_args(field.type)
            yield f"| `{field.name}` | {_type_words(kind)} | {meta.description} |"


def _type_words(kind: Any) -> str:
    return " or ".join(_WORDS[one] for one in get_args(kind) or (kind,))
