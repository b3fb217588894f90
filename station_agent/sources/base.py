"""What every source has in common: its name, its settings, and how it is asked for data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from station_agent.station import Station


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that every source has."""

    enabled: bool = True


class Source(Protocol):
    """A source is polled; it puts what is due into the outbox and says when it wants to be asked again."""

    def poll(self) -> float:
        """Do what is due, in about a second at most; return the seconds until the next poll."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind of source. `schema` are its own tables, created with the outbox."""

    name: str
    settings: type[SourceSettings]
    make: Callable[[Station, Any], Source]
    schema: str = ""
