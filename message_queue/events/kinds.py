"""The events on `fleet.events`: each name, when it is announced, and the fields of its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta


class FleetEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all bodies."""

    event: Annotated[str, Meta(description="name of the event, the last word of the routing key")]
    station: Annotated[str, Meta(description="serial of the station, the middle word of the routing key")]
    at: Annotated[datetime, Meta(description="when Roost noticed it")]


class ContactEvent(FleetEvent, frozen=True, kw_only=True):
    """Whether a station in service makes contact on time."""

    before: Annotated[str, Meta(description="state before: `never_seen`, `on_time`, `late` or `silent`")]
    last_contact_at: Annotated[datetime | None, Meta(description="when the station last sent anything")]


class IncidentEvent(FleetEvent, frozen=True, kw_only=True):
    """A problem at a station, reported by alerts."""

    rule: Annotated[str, Meta(description="name of the rule that found it, such as `silence`")]
    incident: Annotated[int, Meta(description="its number, which stays the same until it is closed")]
    sentence: Annotated[
        str,
        Meta(description="the problem in the organization's language; only its name if it tells where the station is"),
    ]


class CommandEvent(FleetEvent, frozen=True, kw_only=True):
    """A step of a command."""

    command: Annotated[str, Meta(description="id of the command, a UUID")]
    name: Annotated[str, Meta(description="what it does, such as `ping`")]
    state: Annotated[str, Meta(description="its state now")]
    note: Annotated[str, Meta(description="a sentence on why; often empty")]


class MoveEvent(FleetEvent, frozen=True, kw_only=True):
    """A station changed its organization. Each side gets its own event under its own name."""

    history: Annotated[str, Meta(description="whether earlier data `stays` there, or `goes` with the station")]


@dataclass(frozen=True, slots=True)
class EventKind:
    """The events that share a body. `when` says for each name when the event is announced."""

    body: type[FleetEvent]
    when: Mapping[str, str]
    example: FleetEvent


_AT: Final = datetime(2026, 5, 1, 10, 24, 5, tzinfo=UTC)
_STATION: Final = "SG-7F5ERPI46977"

EVENT_KINDS: Final = (
    EventKind(
        ContactEvent,
        {
            "contact_on_time": "it is in contact as it should be, for the first time or again",
            "contact_late": "it has missed a contact",
            "contact_silent": "it has been quiet for so long that something must be wrong",
        },
        ContactEvent(event="contact_late", station=_STATION, at=_AT, before="on_time", last_contact_at=_AT),
    ),
    EventKind(
        IncidentEvent,
        {"incident_opened": "a problem began", "incident_closed": "the problem is over"},
        IncidentEvent(
            event="incident_opened",
            station=_STATION,
            at=_AT,
            rule="silence",
            incident=4711,
            sentence="It has been silent since 09:12.",
        ),
    ),
    EventKind(
        CommandEvent,
        {
            "command_queued": "a person or program issued it",
            "command_sent": "it is in the station's queue",
            "command_received": "the station has it",
            "command_running": "the station runs it",
            "command_succeeded": "it is done",
            "command_failed": "it ran and failed",
            "command_refused": "the station does not run it",
            "command_expired": "its time is over",
            "command_cancelled": "a person or program withdrew it",
        },
        CommandEvent(
            event="command_succeeded",
            station=_STATION,
            at=_AT,
            command="f939ab1d-6a42-448b-a109-b1f63d6bdfdc",
            name="ping",
            state="succeeded",
            note="",
        ),
    ),
    EventKind(
        MoveEvent,
        {
            "station_moved_away": "the station left this organization",
            "station_moved_here": "the station came to this organization",
        },
        MoveEvent(event="station_moved_here", station=_STATION, at=_AT, history="goes"),
    ),
)

#: Kind of each event, by its name.
EVENTS: Final[Mapping[str, EventKind]] = {name: kind for kind in EVENT_KINDS for name in kind.when}


def event_plain(event: FleetEvent) -> dict[str, Any]:
    """The body as plain values. Raises `KeyError` for a name that is not declared."""
    if not isinstance(event, EVENTS[event.event].body):
        raise TypeError(f"{event.event} has the body of another event: {type(event).__name__}.")
    plain: dict[str, Any] = msgspec.to_builtins(event)
    return plain
