"""`gps`: positions of the station, in columns."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.base import MAX_ROWS, Body, Contract, Lane, LineNumber, Seconds, ShortText
from message_queue.errors import MessageRefused

#: Degrees from 0° N 0° E within which a place is what receivers say that have none: no station stands in that sea.
NO_PLACE = 0.001


def is_no_fix(latitude: float | None, longitude: float | None) -> bool:
    """Whether a position is the zeros of a receiver that has none."""
    return latitude is not None and longitude is not None and abs(latitude) < NO_PLACE and abs(longitude) < NO_PLACE


class Gps(Body, frozen=True, kw_only=True):
    """`t[i]` seconds (added to `bt`), `lat[i]` and `lon[i]` degrees WGS 84, `alt[i]` metres.

    A position of None is a fix that was tried and not had: a Sensorgnome writes `G,undefined,…` then. One within
    `NO_PLACE` of 0° N 0° E is taken for none as well.
    """

    t: Annotated[list[Seconds], Meta(min_length=1, max_length=MAX_ROWS)]
    lat: Annotated[list[Annotated[float, Meta(ge=-90.0, le=90.0)] | None], Meta(max_length=MAX_ROWS)]
    lon: Annotated[list[Annotated[float, Meta(ge=-180.0, le=360.0)] | None], Meta(max_length=MAX_ROWS)]
    alt: Annotated[list[float | None], Meta(max_length=MAX_ROWS)] = []
    bt: Seconds = 0.0
    line: Annotated[list[LineNumber], Meta(max_length=MAX_ROWS)] = []
    clock: Annotated[str, Meta(max_length=1)] = ""
    file: ShortText = ""
    #: The file is damaged, so that what was read from it is in doubt.
    damaged: bool = False


def columns_check(body: Gps) -> None:
    """Raise `MessageRefused` when the columns are not of one length."""
    rows = len(body.t)
    if len(body.lat) != rows or len(body.lon) != rows or len(body.alt) not in (0, rows):
        raise MessageRefused(
            "uneven-columns",
            f"The columns of a gps message differ: t {rows}, lat {len(body.lat)}, lon {len(body.lon)}, "
            f"alt {len(body.alt)}.",
        )
    if len(body.line) not in (0, 1, rows):
        raise MessageRefused("uneven-columns", f"Column 'line' has {len(body.line)} values but 't' has {rows}.")


CONTRACT = Contract(
    kind="gps",
    version=1,
    body=Gps,
    lane=Lane.TELEMETRY,
    summary="Positions of the station; a position of null is a fix that was tried and not had.",
)
