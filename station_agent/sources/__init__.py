"""The sources of a station's data.

One source is one file in this folder; the folder is the registry.

A file defines `SOURCE`. Two files with one name are an error at startup.
"""

from functools import cache

from message_queue.folder import folder_read
from station_agent.config import Config, source_settings
from station_agent.errors import WrongUse
from station_agent.sources.base import Source, SourceKind
from station_agent.station import SourceView, Station


@cache
def source_kinds() -> dict[str, SourceKind]:
    """All sources by name, read once from this folder."""
    return folder_read(__name__, "SOURCE", SourceKind)


def source_schemas() -> list[str]:
    """Tables that the sources keep in the outbox's file."""
    return [kind.schema for kind in source_kinds().values() if kind.schema]


def sources_check(config: Config) -> None:
    """Raise `WrongUse` if the configuration names an unknown source or sets one wrongly."""
    unknown = sorted(set(config.sources) - set(source_kinds()))
    if unknown:
        raise WrongUse(f"There is no source {unknown[0]!r}; choose from {', '.join(sorted(source_kinds()))}.")
    for name, kind in source_kinds().items():
        source_settings(kind.settings, name, config.sources.get(name, {}))


def sources_make(station: Station) -> dict[str, Source]:
    """The enabled sources, ready to be polled."""
    made: dict[str, Source] = {}
    for name, kind in source_kinds().items():
        settings = source_settings(kind.settings, name, station.config.sources.get(name, {}))
        if settings.enabled:
            station.vitals.sources[name] = SourceView()
            made[name] = kind.make(station, settings)
    return made
