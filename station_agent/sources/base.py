"""Base of all sources: a name, settings, and how they are polled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from station_agent.station import Station


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of every source."""

    enabled: bool = True


class Source(Protocol):
    """A source is polled; it puts due data into the outbox and returns when it wants to be polled again."""

    def poll(self) -> float:
        """Do what is due, in at most about a second; return the seconds until the next poll."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind of source. `schema` are its own tables, created with the outbox."""

    name: str
    settings: type[SourceSettings]
    make: Callable[[Station, Any], Source]
    schema: str = ""
