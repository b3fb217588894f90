"""Motus: the receivers list of the Motus Wildlife Tracking System, and how to read its rows."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.conf import settings

from fleet.sync.adapters.base import Adapter, Fetched, Listing, Row, SyncError
from fleet.sync.adapters.clients.motus import MotusClient

_MOMENT_SHAPE = "%Y-%m-%d %H:%M:%S %z"
_LONGEST = 200


def fetch() -> Fetched:
    """The whole list of receiver deployments: about 200 kB for 800 rows, without paging."""
    client = MotusClient(
        base_url=settings.ROOST_MOTUS_URL,
        login=settings.ROOST_MOTUS_LOGIN,
        password=settings.ROOST_MOTUS_PASSWORD,
    )
    with client:
        answer = client.ask("receivers")
    # Motus leaves `data` out when nothing matches.
    data = answer.get("data", [])
    if not isinstance(data, list):
        raise SyncError("Motus answered, but its data is not a list; its interface may have changed.")
    rows = [row for row in data if isinstance(row, Mapping)]
    return Fetched(rows=rows, left_out=len(data) - len(rows))


def key(row: Row) -> str:
    """`motusRecvID` numbers the deployment of a receiver; serials and device ids repeat, and may be null."""
    number = row.get("motusRecvID")
    return str(number)[:_LONGEST] if isinstance(number, int | str) and str(number).strip() else ""


def listing(row: Row) -> Listing:
    """A row in our words. Types and statuses that we do not know are kept as they are."""
    status = _text(row, "deploymentStatus")
    return Listing(
        serial=_text(row, "receiverID"),
        status=status,
        is_active=status.casefold() == "active",
        name=_text(row, "deploymentName"),
        type=_text(row, "receiverType"),
        project=_text(row, "recvProjectID"),
        since=_moment(_text(row, "dtStart")),
        address=_address(row),
    )


def rank(row: Row) -> tuple[float, ...]:
    """Active first, then the newest start, then the highest number; a row without a start comes last."""
    read = listing(row)
    started = read.since.timestamp() if read.since else float("-inf")
    number = row.get("motusRecvID")
    return (float(read.is_active), started, float(number) if isinstance(number, int) else 0.0)


def _address(row: Row) -> str:
    """The page of this receiver deployment; what is no number of Motus, and what is no web address, makes none."""
    number, pattern = row.get("motusRecvID"), settings.ROOST_MOTUS_PAGE
    is_usable = isinstance(number, int) and pattern.startswith(("https://", "http://"))
    return pattern.replace("{id}", str(number)) if is_usable else ""


def _text(row: Row, field: str) -> str:
    value = row.get(field)
    return "" if value is None else str(value).strip()[:_LONGEST]


def _moment(text: str) -> datetime | None:
    """`2019-07-17 18:38:56 -04:00`; None for anything else, as nulls and other shapes do occur."""
    try:
        return datetime.strptime(text, _MOMENT_SHAPE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


ADAPTER = Adapter(name="motus", label="Motus", fetch=fetch, key=key, listing=listing, rank=rank)
