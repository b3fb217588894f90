"""`gps`: positions of the station, in columns."""

from operator import attrgetter
from typing import Annotated

from msgspec import Meta

from message_queue.columns import columns_check, first_time_of, rows_of
from message_queue.contracts.base import MAX_ROWS, Body, Contract, Lane, LineNumber, Seconds, Shape, ShortText

#: Degrees around 0° N 0° E that count as "no fix": receivers without a fix report this place, which is open sea.
NO_PLACE = 0.001


def is_no_fix(latitude: float | None, longitude: float | None) -> bool:
    """Whether a position is the zeros that receivers report without a fix."""
    return latitude is not None and longitude is not None and abs(latitude) < NO_PLACE and abs(longitude) < NO_PLACE


class Gps(Body, frozen=True, kw_only=True):
    """`t[i]` in seconds (added to `bt`), `lat[i]` and `lon[i]` in degrees WGS 84, `alt[i]` in metres.

    A null position is an attempt without a fix, for which a Sensorgnome writes `G,undefined,…`. A position within
    `NO_PLACE` of 0° N 0° E counts as null too.
    """

    t: Annotated[list[Seconds], Meta(min_length=1, max_length=MAX_ROWS)]
    lat: Annotated[list[Annotated[float, Meta(ge=-90.0, le=90.0)] | None], Meta(max_length=MAX_ROWS)]
    lon: Annotated[list[Annotated[float, Meta(ge=-180.0, le=360.0)] | None], Meta(max_length=MAX_ROWS)]
    alt: Annotated[list[float | None], Meta(max_length=MAX_ROWS)] = []
    bt: Seconds = 0.0
    line: Annotated[list[LineNumber], Meta(max_length=MAX_ROWS)] = []
    clock: Annotated[str, Meta(max_length=1)] = ""
    file: ShortText = ""
    #: The file is damaged, so data read from it is doubtful.
    damaged: bool = False


class _KnownGps(Gps, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same without unknown fields, as nearly all are."""


CONTRACT = Contract(
    kind="gps",
    version=1,
    body=Gps,
    lane=Lane.TELEMETRY,
    summary="Positions of the station. A null position is an attempt without a fix.",
    shape=Shape.COLUMNS,
    usual=_KnownGps,
    keeps_unknown=True,
    check=columns_check,
    first_time=first_time_of,
    rows=rows_of,
    file=attrgetter("file"),
)
