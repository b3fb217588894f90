"""Which rows may leave through a forwarder, and in which form: chosen series, public places, names, and units.

another organization's by now, series not chosen, doubtful (if clean), no public deployment or one
whose place is withheld (if only public), a position among the readings where the exact place is not public ─▶ kept back
all others ─▶ with the place as everybody may know it
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from fleet.deployments.models import Deployment
from fleet.deployments.places import PlaceShown, place_is_withheld, place_shown
from fleet.forward.feed import StoredRow
from fleet.forward.kinds.base import ForwardRow
from fleet.forward.models import Forwarder
from fleet.organizations.access import Viewer
from fleet.telemetry.models import Series, Suspicion
from message_queue.units import Conversion, conversion, scale_of

_NOBODY: Final = Viewer(user=None, name="", roles={})
#: Words of series that tell where a station is.
_PLACE_NAME: Final = re.compile(
    r"(?:^|[^a-z])(?:lat|lon|lng|latitude|longitude|alt|altitude|elevation|gps|geohash)(?:$|[^a-z])"
)
_NO_PLACE: Final = PlaceShown()


def series_matches(name: str, pattern: str) -> bool:
    """Whether a pattern with `*` and `?` covers a series. Brackets stand for themselves: names have them."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


class _Told(NamedTuple):
    """A series as it is named there. Without conversion, values stay as they are."""

    name: str
    unit: str
    conversion: Conversion | None


class Leaving:
    """The decision about rows of one forwarder, with what it needs read once for a page of rows."""

    def __init__(self, forwarder: Forwarder, rows: Sequence[StoredRow], moment: datetime) -> None:
        self._forwarder, self._moment = forwarder, moment
        numbers = {row.series_id for row in rows}
        self._series = {
            one.pk: one
            for one in Series.objects.filter(
                pk__in=numbers,
                station__organization_id=forwarder.organization_id,
                station__deleted_at=None,
            ).select_related("station")
        }
        self._told = {number: told for number, one in self._series.items() if (told := self._telling(one)) is not None}
        self._deployments: dict[int, list[Deployment]] = defaultdict(list)
        placed = Deployment.objects.filter(
            station__in={one.station_id for one in self._series.values()},
            site__organization_id=forwarder.organization_id,
            is_public=True,
        )
        for deployment in placed.select_related("site"):
            self._deployments[deployment.station_id].append(deployment)
        self._places: dict[int, PlaceShown] = {}

    def rows(self, stored: Sequence[StoredRow]) -> Iterator[ForwardRow | None]:
        """For each row what leaves; None if it is kept back."""
        for row in stored:
            yield self._row(row)

    def _row(self, row: StoredRow) -> ForwardRow | None:
        told, one = self._told.get(row.series_id), self._series.get(row.series_id)
        if told is None or one is None or (self._forwarder.is_clean and row.flags):
            return None
        deployment = self._deployment(one.station_id, row.occurred_at)
        is_shown = deployment is not None and not place_is_withheld(deployment=deployment, moment=self._moment)
        place = self._place(deployment)
        is_public_only = self._forwarder.reach == Forwarder.Reach.PUBLIC
        if is_public_only and not is_shown:
            return None
        is_exact = place.latitude is not None and place.radius_m is None
        if not is_exact and _PLACE_NAME.search(one.name.lower()):
            return None
        station, key = one.station.serial, f"station:{one.station_id}"
        if is_public_only and deployment is not None and not deployment.is_serial_public:
            station, key = str(deployment.public_id), f"deployment:{deployment.public_id}"
        value = row.value
        if told.conversion is not None:
            value = value * told.conversion.factor + told.conversion.offset
        return ForwardRow(
            id=f"{row.series_id}-{round(row.occurred_at.timestamp() * 1e6)}",
            series_id=row.series_id,
            station_key=key,
            station=station,
            series=told.name,
            unit=told.unit,
            value=value,
            at=row.occurred_at,
            received_at=row.received_at,
            marks=tuple(mark.name.lower() for mark in Suspicion if row.flags & mark),
            site=deployment.site.name if deployment is not None and is_shown else "",
            latitude=place.latitude,
            longitude=place.longitude,
            radius_m=place.radius_m,
        )

    def _telling(self, one: Series) -> _Told | None:
        """The name and unit of a series there; None if it is not chosen."""
        forwarder = self._forwarder
        if forwarder.reach == Forwarder.Reach.STATIONS and one.station_id not in forwarder.station_ids:
            return None
        if forwarder.series and not any(series_matches(one.name, pattern) for pattern in forwarder.series):
            return None
        for pattern, name, unit in forwarder.names:
            if series_matches(one.reference, pattern):
                # A unit of another dimension is only another word for the same values.
                is_known = scale_of(unit).dimension == scale_of(one.unit).dimension
                into = conversion(one.unit, unit) if unit and is_known else None
                return _Told(name or one.reference, unit or one.unit, into)
        return _Told(one.reference, one.unit, None)

    def _deployment(self, station_id: int, moment: datetime) -> Deployment | None:
        return next((one for one in self._deployments[station_id] if moment in one.period), None)

    def _place(self, deployment: Deployment | None) -> PlaceShown:
        if deployment is None:
            return _NO_PLACE
        if deployment.pk not in self._places:
            self._places[deployment.pk] = place_shown(viewer=_NOBODY, deployment=deployment, moment=self._moment)
        return self._places[deployment.pk]
