"""Motus adapter: fetches and reads the receivers list of the Motus Wildlife Tracking System."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from django.conf import settings

from fleet.sync.adapters.base import Adapter, Fetched, Listing, Row, SyncError
from fleet.sync.adapters.clients.motus import MotusClient, plain

_LONGEST = 200
#: Fields that an answer may have besides its list.
_BESIDE_DATA = frozenset({"data", "version", "date-token", "errorCode", "errorMsg", "error", "errors"})
#: A whole number with a fraction of zeros; the blank that Motus writes before a time zone.
_WHOLE = re.compile(r"^(-?\d+)\.0+$", re.ASCII)
_BEFORE_ZONE = re.compile(r"\s+(?=(?:[+-]\d|Z$|z$))")
_DIGITS_MOST = 18


def fetch() -> Fetched:
    """Fetch the whole list of receiver deployments: about 200 kB for 800 rows, without paging."""
    client = MotusClient(
        base_url=settings.ROOST_MOTUS_URL,
        login=settings.ROOST_MOTUS_LOGIN,
        password=settings.ROOST_MOTUS_PASSWORD,
    )
    with client:
        answer = client.ask("receivers")
    # Motus leaves `data` out or sets it to null when nothing matches.
    if answer.get("data") is None:
        _empty_check(answer)
        return Fetched(rows=[])
    data = answer["data"]
    if not isinstance(data, list):
        raise SyncError("Motus answered, but its data is not a list; its interface may have changed.")
    rows = [row for row in data if isinstance(row, Mapping)]
    return Fetched(rows=rows, left_out=len(data) - len(rows))


def _empty_check(answer: Row) -> None:
    """Accept an answer without a list as an empty list only if it has no other fields. Raises `SyncError`."""
    if set(answer) - _BESIDE_DATA:
        said = plain(msgspec.json.encode(answer).decode(errors="replace"))
        raise SyncError(f"Motus answered without a list, so nothing was changed. Its answer: {said}")


def key(row: Row) -> str:
    """`motusRecvID`, the number of a receiver's deployment. Serials and device ids repeat and may be null."""
    return _id(row, "motusRecvID") if isinstance(row.get("motusRecvID"), int | float | str) else ""


def listing(row: Row) -> Listing:
    """A row in our terms. Unknown types and statuses are kept as they are."""
    status = _text(row, "deploymentStatus")
    return Listing(
        serial=_text(row, "receiverID"),
        status=status,
        is_active=status.casefold() == "active",
        name=_text(row, "deploymentName"),
        type=_text(row, "receiverType"),
        project=_id(row, "recvProjectID"),
        since=_moment(_text(row, "dtStart")),
        address=_address(row),
    )


def rank(row: Row) -> tuple[float, ...]:
    """Active first, then the newest start, then the highest number; rows without a start come last."""
    read = listing(row)
    started = read.since.timestamp() if read.since else float("-inf")
    return (float(read.is_active), started, float(_number(row) or 0))


def _number(row: Row) -> int | None:
    """Motus' number of this receiver deployment; None if it is not a number."""
    text = _id(row, "motusRecvID")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MOST else None


def _address(row: Row) -> str:
    """The web page of this receiver deployment; empty without a Motus number or a usable web address."""
    number, pattern = _number(row), settings.ROOST_MOTUS_PAGE
    is_usable = number is not None and pattern.startswith(("https://", "http://"))
    return pattern.replace("{id}", str(number)) if is_usable else ""


def _id(row: Row, field: str) -> str:
    """A number used as a name, without the `.0` that Motus sometimes appends."""
    return _WHOLE.sub(r"\1", _text(row, field))


def _text(row: Row, field: str) -> str:
    value = row.get(field)
    return "" if value is None else str(value).strip()[:_LONGEST]


def _moment(text: str) -> datetime | None:
    """Parse `2019-07-17 18:38:56 -04:00` or ISO 8601, with fractions or `Z`; without a zone it is UTC.

    None for anything else, because nulls and other shapes do occur.
    """
    try:
        moment = datetime.fromisoformat(_BEFORE_ZONE.sub("", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


ADAPTER = Adapter(name="motus", label="Motus", fetch=fetch, key=key, listing=listing, rank=rank)
