"""Which rows may leave through a forwarder, and in which form: chosen series, public places, names, and units.

another organization's by now ─▶ kept back: left
a series or station that was not chosen ─▶ kept back: choice
doubtful (if clean) ─▶ kept back: doubt
no public deployment or one whose place is withheld (if only public), a position among the readings where the exact
place is not public ─▶ kept back: place
all others ─▶ with the place as everybody may know it
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from fleet.deployments.models import Deployment
from fleet.deployments.places import PlaceShown, place_is_withheld, place_shown
from fleet.forward.feed import StoredRow
from fleet.forward.heard import StoredDetection
from fleet.forward.kinds.base import ForwardDetection, ForwardRow
from fleet.forward.models import Forwarder
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Series, Suspicion
from message_queue.units import Conversion, conversion, scale_of

_NOBODY: Final = Viewer(user=None, name="", roles={})
#: Words in names of series whose values tell where a station is.
_PLACE_NAME: Final = re.compile(
    r"(?:^|[^a-z])(?:lat|lon|lng|latitude|longitude|alt|altitude|elevation|gps|geohash)(?:$|[^a-z])"
)
_NO_PLACE: Final = PlaceShown()


class KeepReason(StrEnum):
    """Why a row does not leave. The names are stored with their counts."""

    LEFT = "left"
    CHOICE = "choice"
    DOUBT = "doubt"
    PLACE = "place"


def series_matches(name: str, pattern: str) -> bool:
    """Whether a pattern with `*` and `?` covers a series. Brackets are literal, because names contain them."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def readings_leaving(
    forwarder: Forwarder, rows: Sequence[StoredRow], moment: datetime
) -> list[ForwardRow | KeepReason]:
    """Each reading as it leaves, or the reason why it is kept back."""
    numbers = {row.series_id for row in rows}
    series = Series.objects.filter(
        pk__in=numbers, station__organization_id=forwarder.organization_id, station__deleted_at=None
    ).select_related("station")
    known = {one.pk: one for one in series}
    told = {number: _telling(forwarder, one) for number, one in known.items()}
    places = _Places(forwarder, {one.station_id for one in known.values()}, moment)

    def leaving(row: StoredRow) -> ForwardRow | KeepReason:
        one, named = known.get(row.series_id), told.get(row.series_id)
        if one is None:
            return KeepReason.LEFT
        if named is None:
            return KeepReason.CHOICE
        place = places.of(one.station, row.occurred_at, row.flags)
        if isinstance(place, KeepReason):
            return place
        if not place.is_exact and _PLACE_NAME.search(one.name.lower()):
            return KeepReason.PLACE
        value = row.value
        if named.conversion is not None:
            value = value * named.conversion.factor + named.conversion.offset
        return ForwardRow(
            id=f"{row.series_id}-{_microseconds(row.occurred_at)}",
            series_id=row.series_id,
            series=named.name,
            unit=named.unit,
            value=value,
            at=row.occurred_at,
            received_at=row.received_at,
            marks=_marks(row.flags),
            **place.told(),
        )

    return [leaving(row) for row in rows]


def detections_leaving(
    forwarder: Forwarder, rows: Sequence[StoredDetection], moment: datetime
) -> list[ForwardDetection | KeepReason]:
    """Each detection as it leaves, or the reason why it is kept back."""
    stations = {
        one.pk: one
        for one in Station.objects.filter(
            pk__in={row.station_id for row in rows}, organization_id=forwarder.organization_id, deleted_at=None
        )
    }
    places = _Places(forwarder, stations.keys(), moment)

    def leaving(row: StoredDetection) -> ForwardDetection | KeepReason:
        station = stations.get(row.station_id)
        if station is None:
            return KeepReason.LEFT
        if not _is_chosen(forwarder, station.pk):
            return KeepReason.CHOICE
        place = places.of(station, row.occurred_at, row.flags)
        if isinstance(place, KeepReason):
            return place
        return ForwardDetection(
            id=f"{row.station_id}-{_microseconds(row.occurred_at)}-{row.port}-{row.kind}-{row.line}",
            key=row.key,
            kind="tag" if row.kind == Detection.Kind.TAG else "pulse",
            port=row.port,
            line=row.line,
            tag=row.tag or "",
            node=row.node or "",
            figures={name: figure for name in _FIGURES if (figure := getattr(row, name)) is not None},
            is_used=row.is_used,
            is_validated=row.is_validated,
            at=row.occurred_at,
            received_at=row.received_at,
            marks=_marks(row.flags),
            **place.told(),
        )

    return [leaving(row) for row in rows]


_FIGURES: Final = ("freq", "sig", "noise", "snr", "rssi")


class _Named(NamedTuple):
    """A series as the receiver names it. Without conversion, values stay as they are."""

    name: str
    unit: str
    conversion: Conversion | None


class _Placed(NamedTuple):
    """A station as everybody may know it at a moment: its key, name and site, and its place."""

    key: str
    station: str
    site: str
    place: PlaceShown

    @property
    def is_exact(self) -> bool:
        """Whether the exact place is public."""
        return self.place.latitude is not None and self.place.radius_m is None

    def told(self) -> dict[str, Any]:
        """The same, as fields of a row."""
        return {
            "station_key": self.key,
            "station": self.station,
            "site": self.site,
            "latitude": self.place.latitude,
            "longitude": self.place.longitude,
            "radius_m": self.place.radius_m,
        }


class _Places:
    """Public deployments of some stations, read once for a page of rows."""

    def __init__(self, forwarder: Forwarder, station_ids: Collection[int], moment: datetime) -> None:
        self._forwarder, self._moment = forwarder, moment
        self._deployments: dict[int, list[Deployment]] = defaultdict(list)
        placed = Deployment.objects.filter(
            station__in=list(station_ids), site__organization_id=forwarder.organization_id, is_public=True
        )
        for deployment in placed.select_related("site"):
            self._deployments[deployment.station_id].append(deployment)
        self._places: dict[int, PlaceShown] = {}

    def of(self, station: Station, at: datetime, flags: int) -> _Placed | KeepReason:
        """The station at a moment, or the reason why a row of that moment with these flags is kept back."""
        if self._forwarder.is_clean and flags:
            return KeepReason.DOUBT
        deployment = next((one for one in self._deployments[station.pk] if at in one.period), None)
        is_shown = deployment is not None and not place_is_withheld(deployment=deployment, moment=self._moment)
        is_public_only = self._forwarder.reach == Forwarder.Reach.PUBLIC
        if is_public_only and not is_shown:
            return KeepReason.PLACE
        name, key = station.serial, f"station:{station.pk}"
        if is_public_only and deployment is not None and not deployment.is_serial_public:
            name, key = str(deployment.public_id), f"deployment:{deployment.public_id}"
        site = deployment.site.name if deployment is not None and is_shown else ""
        return _Placed(key, name, site, self._place(deployment))

    def _place(self, deployment: Deployment | None) -> PlaceShown:
        if deployment is None:
            return _NO_PLACE
        if deployment.pk not in self._places:
            self._places[deployment.pk] = place_shown(viewer=_NOBODY, deployment=deployment, moment=self._moment)
        return self._places[deployment.pk]


def _is_chosen(forwarder: Forwarder, station_id: int) -> bool:
    return forwarder.reach != Forwarder.Reach.STATIONS or station_id in forwarder.station_ids


def _telling(forwarder: Forwarder, one: Series) -> _Named | None:
    """The name and unit of a series at the receiver; None if it is not chosen."""
    if not _is_chosen(forwarder, one.station_id):
        return None
    if forwarder.series and not any(series_matches(one.name, pattern) for pattern in forwarder.series):
        return None
    for pattern, name, unit in forwarder.names:
        if series_matches(one.reference, pattern):
            # A unit of another dimension only renames the unit; values stay as they are.
            is_known = scale_of(unit).dimension == scale_of(one.unit).dimension
            into = conversion(one.unit, unit) if unit and is_known else None
            return _Named(name or one.reference, unit or one.unit, into)
    return _Named(one.reference, one.unit, None)


def _marks(flags: int) -> tuple[str, ...]:
    return tuple(mark.name.lower() for mark in Suspicion if flags & mark)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
