"""Unusual streams of a station: a new one after a swapped card, and branches that reuse message numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.core.spoken import moment_words
from fleet.stations.models import Station
from fleet.telemetry.models import StationEvent, StreamLedger

Branch = StreamLedger.Branch
UNDECIDED = (Branch.HELD, Branch.CLONED)
#: A hello may arrive some messages after the first one of its stream, or in another queue.
_AROUND = timedelta(days=1)
_HELLOS_MOST = 50
#: How long a new stream is shown as news.
_NEWS = timedelta(days=30)
_BRANCHES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class StreamBranch:
    """One branch of a stream: its numbers had already been claimed by another run of the agent."""

    id: int
    stream: str
    state: str
    messages: int
    first_at: datetime
    last_at: datetime
    is_undecided: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class StreamChange:
    """The newest stream of a station that had others before: when it began, and what changed."""

    stream: str
    since: datetime
    sentence: str


def branch_list(*, station: Station, moment: datetime) -> list[StreamBranch]:
    """The newest branches of a station's streams, decided or not."""
    rows = _branches(station).order_by("-last_at", "stream")[:_BRANCHES_SHOWN]
    return [
        StreamBranch(
            id=row.pk,
            stream=row.stream,
            state=row.branch,
            messages=row.messages,
            first_at=row.first_at,
            last_at=row.last_at,
            is_undecided=row.branch in UNDECIDED,
            sentence=_branch_sentence(row, moment),
        )
        for row in rows
    ]


def branch_get(*, station: Station, branch_id: int) -> StreamLedger:
    """One branch of a station's streams. Raises `NotFound`."""
    found = _branches(station).select_related("station").filter(pk=branch_id).first() if branch_id < 2**63 else None
    if found is None:
        raise NotFound(_("Station %(serial)s has no branch %(id)s.") % {"serial": station.serial, "id": branch_id})
    return found


def stream_change(
    *, station: Station, streams: Sequence[tuple[str, datetime]], moment: datetime
) -> StreamChange | None:
    """The change that began the newest of these (stream, first message); None if it is the only one, or not recent."""
    stream, since = max(streams, key=lambda entry: entry[1], default=("", moment - _NEWS))
    if len(streams) < 2 or moment - since >= _NEWS:
        return None
    before, after = _hellos(station, since)
    words = {"moment": moment_words(since, moment), "what": _difference(before, after)}
    return StreamChange(stream, since, _("A new stream began %(moment)s: %(what)s") % words)


def _branches(station: Station) -> QuerySet[StreamLedger]:
    return StreamLedger.objects.filter(station=station).exclude(branch=Branch.TRUNK)


def _hellos(station: Station, since: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """The agent's last description of itself before a moment (by our clock), and its first after it."""
    rows = (
        StationEvent.objects.filter(station=station, name="hello", occurred_at__lt=since + _AROUND)
        .order_by("-occurred_at")
        .values_list("received_at", "data")[:_HELLOS_MOST]
    )
    told = sorted(rows, key=lambda row: row[0])
    before = [data for at, data in told if at < since]
    after = [data for at, data in told if at >= since]
    return (before[-1] if before else {}), (after[0] if after else {})


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    card, board = (_is_another(before, after, name) for name in ("card_key", "machine"))
    if card is None:
        return _("the outbox is new. The agent did not say whether the card is, too.")
    if card and board:
        return _("card and board are both different. It is another machine with this station's identity.")
    if card and board is False:
        return _("the card was replaced or rewritten; the board is the same.")
    if card:
        return _("the card was replaced or rewritten.")
    if board:
        return _("the card is the same but in another board, and its outbox was recreated.")
    return _(
        "the card is the same, but its outbox was lost or recreated. Messages waiting in the old one will not arrive."
    )


def _is_another(before: dict[str, Any], after: dict[str, Any], name: str) -> bool | None:
    """Whether two hellos differ in this field; None if one of them lacks it."""
    return before[name] != after[name] if before.get(name) and after.get(name) else None


def _branch_sentence(row: StreamLedger, moment: datetime) -> str:
    since = {"since": moment_words(row.first_at, moment)}
    sentences = {
        Branch.HELD: _(
            "It has been reusing message numbers since %(since)s. Messages under these numbers are kept apart until "
            "it is known whether two machines send or the outbox went back in time."
        ),
        Branch.CLONED: _(
            "A second machine has been sending with this station's identity since %(since)s, most likely because a "
            "card was copied. Its data is kept apart. Find it, and decide whose data this is."
        ),
        Branch.BELIEVED: _(
            "It reused message numbers from %(since)s on. The messages were accepted as this station's."
        ),
        Branch.DISCARDED: _(
            "It reused message numbers from %(since)s on. The messages were discarded, but stay readable on the "
            "page “Held back”."
        ),
    }
    return sentences[Branch(row.branch)] % since
