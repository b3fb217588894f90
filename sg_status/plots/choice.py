"""The lines that an address asks for: series of a station, and the same series of others of its organization."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_visible
from fleet.telemetry.models import Series
from fleet.telemetry.quantities import PREFIX, series_label, series_place
from fleet.telemetry.selectors import series_get
from sg_status.plots.figure import LINES_MOST

#: The series that a page shows if none was chosen: all of these that the station sends, else its newest one.
_USUAL = ("battery_v", "solar_v", "temperature_c")
#: Maximum other stations that a page offers for comparison.
OTHERS_MOST = 50


@dataclass(frozen=True, slots=True)
class Chosen:
    """One chosen line; the station is named where there are several."""

    station: Station
    series: Series
    label: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen lines in their order. `missing`: sentences about what was asked for and is not drawn."""

    lines: list[Chosen]
    #: Series of the page's own station.
    own: list[Series]
    others: list[Station]
    missing: list[str]

    @property
    def series(self) -> list[Series]:
        """The series of all lines."""
        return [line.series for line in self.lines]


def choice_of(query: QueryDict, viewer: Viewer, station: Station, known: Sequence[Series]) -> Choice:
    """The lines in the address; if it names none, the usual ones. Raises `NotFound` for an unknown series."""
    named = list(dict.fromkeys(name for name in query.getlist("series")[: 2 * LINES_MOST] if name))
    own = [series_get(station=station, name=name) for name in named] if named else _usual(known)
    asked = list(dict.fromkeys(text.strip() for text in query.getlist("with")[: 2 * LINES_MOST] if text.strip()))
    others, missing = _others(viewer, station, asked)
    lines = [Chosen(station, one, _label(one, station if others else None)) for one in own]
    theirs = _same_series(others, own)
    for other in others:
        for one in own:
            if (found := theirs.get((other.pk, one.name, one.dimension))) is None:
                missing.append(_("%(station)s has no series %(name)s.") % {"station": other, "name": series_label(one)})
            else:
                lines.append(Chosen(other, found, _label(found, other)))
    if len(lines) > LINES_MOST:
        missing.append(
            _("A plot has at most %(most)d lines; %(left)d more are left out.")
            % {"most": LINES_MOST, "left": len(lines) - LINES_MOST}
        )
    return Choice(lines[:LINES_MOST], own, others, missing)


def neighbours(viewer: Viewer, station: Station) -> QuerySet[Station]:
    """Other stations of the same organization that the viewer may see, by name."""
    found = station_visible(viewer).filter(organization=station.organization_id, retired_at=None)
    return found.exclude(pk=station.pk).order_by("name", "serial")


def _usual(known: Sequence[Series]) -> list[Series]:
    heard = [one for one in known if one.last_received_at is not None]
    by_name = {one.name: one for one in sorted(heard, key=series_place, reverse=True)}
    usual = [by_name[name] for each in _USUAL if (name := f"{PREFIX}{each}") in by_name]
    newest = max(heard, key=lambda one: (one.last_received_at or one.created_at, one.name), default=None)
    return usual or ([newest] if newest else [])


def _others(viewer: Viewer, station: Station, asked: Sequence[str]) -> tuple[list[Station], list[str]]:
    """The stations with these serials or names in upper or lower case, and a sentence for each that does not exist."""
    asked = [text[:120] for text in asked if "\x00" not in text]
    if not asked:
        return [], []
    wanted = Q()
    for text in asked:
        wanted |= Q(serial__iexact=text) | Q(name__iexact=text)
    by_word: dict[str, Station] = {}
    for one in neighbours(viewer, station).filter(wanted)[: 4 * LINES_MOST]:
        by_word.setdefault(one.name.lower(), one)
        by_word[one.serial.lower()] = one
    chosen = {found.pk: found for text in asked if (found := by_word.get(text.lower())) is not None}
    missing = [
        _("There is no other station %(name)s in this organization.") % {"name": text}
        for text in asked
        if text.lower() not in by_word
    ]
    return list(chosen.values())[:LINES_MOST], missing


def _same_series(stations: Sequence[Station], own: Sequence[Series]) -> dict[tuple[int, str, str], Series]:
    names = {one.name for one in own}
    found = Series.objects.filter(station__in=[one.pk for one in stations], name__in=names) if stations else ()
    return {(one.station_id, one.name, one.dimension): one for one in found}


def _label(series: Series, station: Station | None) -> str:
    if station is None:
        return series_label(series)
    return f"{series_label(series)}, {station.name or station.spoken_serial}"
