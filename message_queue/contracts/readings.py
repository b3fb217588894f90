"""`readings`: measured values as a SenML pack (RFC 8428), so that any SenML device can send to Roost."""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Annotated, NamedTuple, cast

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from message_queue.contracts.base import MAX_ROWS, Contract, Lane, Sender, Shape
from message_queue.errors import MessageRefused
from message_queue.left_out import LeftOut, names_listed
from message_queue.units import second_of

_TEXT = Annotated[str, Meta(max_length=1_024)]
_NAME = Annotated[str, Meta(max_length=128)]

#: A base name with this prefix names the sender. It must be the sender's own serial, which is checked at ingest.
STATION_NAME_PREFIX = "urn:roost:"
_STATION_NAME = STATION_NAME_PREFIX.encode()
_NOBODY = Sender()
#: A field whose name ends in an underscore, which a receiver must understand or refuse (RFC 8428 §4.4).
_MUST_UNDERSTAND = re.compile(rb'_"\s*:')
#: Times below 2**28 are relative to the moment of receipt (RFC 8428 §4.5.3).
RELATIVE_BELOW = float(2**28)
#: Newest supported version of SenML (RFC 8428).
SENML_VERSION = 10
#: Range of storable times, in seconds since 1970: the years 1900 to 5138.
EARLIEST, LATEST = -2_208_988_800.0, 99_999_999_999.0

_NAME_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_NAME_ALPHABET = _NAME_FIRST | frozenset("-:./_")
#: Names already validated. A fleet keeps repeating a few hundred names; matching each one would dominate the cost.
_known_names: set[str] = set()
_KNOWN_NAMES_MOST = 20_000


class SenmlRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A SenML record. Field names and meanings are those of RFC 8428."""

    n: _NAME | None = None
    v: float | None = None
    t: float | None = None
    u: Annotated[str, Meta(max_length=32)] | None = None
    bn: _NAME | None = None
    bt: float | None = None
    bu: Annotated[str, Meta(max_length=32)] | None = None
    bv: float | None = None
    bs: float | None = None
    bver: int | None = None
    vs: _TEXT | None = None
    vb: bool | None = None
    vd: _TEXT | None = None
    s: float | None = None
    ut: float | None = None


class PlainRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A record with only the fields that nearly all packs use: a number, its name, time and unit, and base values."""

    n: _NAME | None = None
    v: float | None = None
    t: float | None = None
    u: Annotated[str, Meta(max_length=32)] | None = None
    bn: _NAME | None = None
    bt: float | None = None
    bu: Annotated[str, Meta(max_length=32)] | None = None


Readings = Annotated[list[SenmlRecord], Meta(min_length=1, max_length=MAX_ROWS)]
_PlainReadings = Annotated[list[PlainRecord], Meta(min_length=1, max_length=MAX_ROWS)]


#: A record with base values applied: name, absolute seconds UTC, value, unit, and the text if it holds text instead of
#: a value.
Resolved = tuple[str, float, float, str, str | None]


def name_check(name: str) -> str:
    """Return a resolved SenML name; raise `MessageRefused` if RFC 8428 §4.5.1 forbids it."""
    if name in _known_names:
        return name
    if not name or len(name) > 128 or name[0] not in _NAME_FIRST or not _NAME_ALPHABET.issuperset(name):
        raise MessageRefused(
            "bad-name",
            f"The series name {name[:60]!r} is not a SenML name: it must start with a letter or digit "
            "and contain only letters, digits, and - : . / or underscore, at most 128 characters.",
        )
    if len(_known_names) < _KNOWN_NAMES_MOST:
        _known_names.add(name)
    return name


class _Base:
    """Base values for the records that follow (RFC 8428 §4.1). Value and sum are None until set."""

    __slots__ = ("name", "sum", "time", "unit", "value")

    def __init__(self) -> None:
        self.name, self.unit, self.time = "", "", 0.0
        self.value: float | None = None
        self.sum: float | None = None

    def update(self, record: SenmlRecord) -> None:
        """Apply the base values of a record. A station prefix of the base name is removed, as the sender is known."""
        if record.bver is not None and record.bver > SENML_VERSION:
            raise MessageRefused(
                "future-version", f"SenML version {record.bver} is newer than this server knows ({SENML_VERSION})."
            )
        if record.bn is not None:
            ours = record.bn.startswith(STATION_NAME_PREFIX)
            self.name = record.bn[len(STATION_NAME_PREFIX) :].partition(":")[2] if ours else record.bn
        if record.bt is not None:
            self.time = record.bt
        if record.bu is not None:
            self.unit = record.bu
        if record.bv is not None:
            self.value = record.bv
        if record.bs is not None:
            self.sum = record.bs


class Stretch(NamedTuple):
    """Records of a plain pack under the same base values (RFC 8428 §4.1)."""

    #: Base name, without a station prefix.
    name: str
    #: Base time in seconds; small ones are relative, see `resolve`.
    time: float
    unit: str
    records: list[PlainRecord]

    def senml(self, record: PlainRecord) -> SenmlRecord:
        """One of the records on its own, for `resolve`."""
        unit = self.unit if record.u is None else record.u
        return SenmlRecord(n=self.name + (record.n or ""), v=record.v, t=record.t, u=unit, bt=self.time)


def stretches(pack: list[PlainRecord]) -> list[Stretch]:
    """Divide a plain pack where its base values change. Records that only set base values are left out."""
    if len(pack) == 1 and not pack[0].bn and pack[0].n is not None:
        # Most packs of a small station look like this.
        first = pack[0]
        return [Stretch("", first.bt or 0.0, first.bu or "", pack)]
    changes = [i for i, r in enumerate(pack) if r.bn is not None or r.bt is not None or r.bu is not None]
    found = [] if changes and changes[0] == 0 else [Stretch("", 0.0, "", pack[: changes[0] if changes else None])]
    base = _Base()
    for change, end in pairwise([*changes, len(pack)]):
        first = pack[change]
        base.update(SenmlRecord(bn=first.bn, bt=first.bt, bu=first.bu))
        is_base_only = first.n is None and first.v is None and first.t is None and first.u is None
        found.append(Stretch(base.name, base.time, base.unit, pack[change + is_base_only : end]))
    return found


def resolve(
    pack: list[SenmlRecord] | list[PlainRecord], received_at: float | None, left_out: LeftOut | None = None
) -> list[Resolved]:
    """Apply base values and relative times.

    `received_at` is the server's clock in seconds since 1970 UTC; without it, records with relative times are skipped.
    A record that cannot be resolved raises `MessageRefused`, or is noted in `left_out` if that is given, and the others
    are still resolved.
    """
    if type(pack[0]) is PlainRecord:
        pack = [SenmlRecord(**asdict(record)) for record in pack]
    rows: list[Resolved] = []
    base = _Base()
    for record in cast("list[SenmlRecord]", pack):
        if (
            record.bt is not None
            or record.bn is not None
            or record.bu is not None
            or record.bv is not None
            or record.bs is not None
            or record.bver is not None
        ):
            base.update(record)
            if _is_base_only(record):
                continue
        at = base.time if record.t is None else base.time + record.t
        if at < RELATIVE_BELOW:
            if received_at is None:
                continue
            at += received_at
        name = base.name if record.n is None else base.name + record.n
        unit = base.unit if record.u is None else record.u
        try:
            rows += _other(record, base, name, at, unit)
        except MessageRefused as error:
            if left_out is None:
                raise
            left_out.note(name or "a record without a name", str(error), reason=error.reason)
    return rows


def _is_base_only(record: SenmlRecord) -> bool:
    """Whether a record only sets base values, as in RFC 8428 §5.1.8, and is not a measurement."""
    return (
        record.n is None
        and record.v is None
        and record.t is None
        and record.u is None
        and record.vs is None
        and record.vb is None
        and record.vd is None
        and record.s is None
        and record.ut is None
    )


def _other(record: SenmlRecord, base: _Base, name: str, at: float, unit: str) -> list[Resolved]:
    """The rows of a record: one for its value, and another for a sum.

    A value or sum missing beside its base counts as zero (RFC 8428 §4.5.4). Raises `MessageRefused`.
    """
    if not EARLIEST <= at <= LATEST:
        raise MessageRefused("bad-time", f"The time {at!r} is outside the years 1900 to 5138.")
    name_check(name)
    given = [each for each in ("v", "vb", "vs", "vd") if getattr(record, each) is not None]
    if len(given) > 1:
        raise MessageRefused(
            "two-values", f"The record {name!r} has {names_listed(given)}; SenML allows one value per record."
        )
    rows: list[Resolved] = []
    if record.v is not None or (not given and record.s is None and base.value is not None):
        rows.append((name, at, _total(record.v, base.value), unit, None))
    elif record.vb is not None:
        rows.append((name, at, float(record.vb), unit, None))
    elif given:
        rows.append((name, at, 0.0, unit, record.vd if record.vs is None else record.vs))
    if record.s is not None or base.sum is not None:
        rows.append((name_check(name + ":sum"), at, _total(record.s, base.sum), second_of(unit), None))
    if not rows:
        raise MessageRefused("no-value", f"The record {name!r} has no value and no sum.")
    return rows


def _total(value: float | None, base: float | None) -> float:
    total = (value or 0.0) + (base or 0.0)
    if not isfinite(total):
        raise MessageRefused("bad-fields", "The sum of a value and its base value is too large.")
    return total


def _sender(pack: Sequence[SenmlRecord | PlainRecord], raw: bytes) -> Sender:
    """Serials named in base names of the form `urn:roost:<serial>:`."""
    # Search the records only if the bytes can contain such a name, literally or escaped.
    if _STATION_NAME not in raw and b"\\" not in raw:
        return _NOBODY
    names = {each.bn for each in pack if each.bn is not None and each.bn.startswith(STATION_NAME_PREFIX)}
    return Sender({name[len(STATION_NAME_PREFIX) :].partition(":")[0] for name in names})


def _raw_check(raw: bytes) -> None:
    if b'_"' in raw and _MUST_UNDERSTAND.search(raw):
        raise MessageRefused("must-understand", "A SenML field ending in '_' must be understood, but is unknown.")


def _first_time(pack: Sequence[SenmlRecord | PlainRecord]) -> float | None:
    """The time of the first record; None if it is relative to the moment of receipt."""
    at = float((pack[0].bt or 0.0) + (pack[0].t or 0.0))
    return at if at >= RELATIVE_BELOW else None


CONTRACT = Contract(
    kind="readings",
    version=1,
    body=Readings,
    lane=Lane.TELEMETRY,
    summary="Measured values as a SenML pack.",
    content_type="application/senml+json",
    shape=Shape.PACK,
    usual=_PlainReadings,
    raw_check=_raw_check,
    keeps_unknown=True,
    sender=_sender,
    first_time=_first_time,
    rows=len,
)
