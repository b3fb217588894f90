"""Conditions on the rows of a cold file, for Arrow: parts of a file that cannot meet them are not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleet.telemetry.cold.tables import ColdTable

Span = tuple[datetime, datetime]
#: Series or stations, each with the moment before which retention has removed its rows, or None.
Owners = Sequence[tuple[int, datetime | None]]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Further conditions on rows of detections; an empty field sets none."""

    kinds: tuple[int, ...] = ()
    port: int | None = None
    #: Upper and lower case are the same.
    tag: str = ""
    #: By the station's clock.
    moments: tuple[datetime, ...] = ()
    received: tuple[datetime, ...] = ()
    #: Moment, port, kind and line of a row: only rows after it, or before it with `is_newest_first`.
    beyond: tuple[datetime, int, int, int] | None = None
    #: Whether the newest rows are wanted first.
    is_newest_first: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether Arrow and the database agree about the tag. Beyond ASCII, they may change case differently."""
        return self.tag.isascii()


def condition_of(table: ColdTable, owners: Owners, spans: Sequence[Span], narrowed: Narrowed | None = None) -> Any:
    """The condition for rows of these owners in these spans; without spans, for all their rows."""
    import pyarrow as pa  # noqa: PLC0415 - the site does not load Arrow
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    types = table.arrow_types()
    at, owner = pc.field("occurred_at"), pc.field(table.owner)

    def scalar(when: datetime) -> Any:
        return pa.scalar(when, types["occurred_at"])

    among = owner.isin([key for key, _from in owners])
    for key, kept_from in owners:
        if kept_from is not None:
            among &= (owner != key) | (at >= scalar(kept_from))
    within = None
    for start, end in spans:
        one = (at >= scalar(start)) & (at < scalar(end))
        within = one if within is None else within | one
    if within is not None:
        among &= within
    return among if narrowed is None else _narrowed(among, table, narrowed)


def _narrowed(among: Any, table: ColdTable, narrowed: Narrowed) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    types = table.arrow_types()
    if narrowed.kinds:
        among &= pc.field("kind").isin(pa.array(narrowed.kinds, types["kind"]))
    if narrowed.port is not None:
        among &= pc.field("port") == pa.scalar(narrowed.port, pa.int64())
    if narrowed.tag and narrowed.is_exact:
        among &= pc.utf8_upper(pc.field("tag")) == narrowed.tag.upper()
    for name, moments in (("occurred_at", narrowed.moments), ("received_at", narrowed.received)):
        if moments:
            among &= pc.field(name).isin(pa.array(moments, types[name]))
    if narrowed.beyond is not None:
        among &= _beyond(table, narrowed.beyond, is_below=narrowed.is_newest_first)
    return among


def _beyond(table: ColdTable, row: tuple[datetime, int, int, int], *, is_below: bool) -> Any:
    """The condition for keys after or before that of a row; the station is not compared."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    types, found = table.arrow_types(), None
    for name, value in reversed(list(zip(table.key[1:], row, strict=True))):
        field = pc.field(name)
        given = pa.scalar(value, types[name] if pa.types.is_timestamp(types[name]) else pa.int64())
        further = field < given if is_below else field > given
        found = further if found is None else further | ((field == given) & found)
    return found
