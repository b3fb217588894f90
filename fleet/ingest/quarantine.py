"""Quarantine: storing messages that cannot be accepted, and what people do with them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound
from fleet.ingest.database import cursor
from fleet.ingest.delivery import FORKED, Delivery, Refusal
from fleet.ingest.limits.quarantine_budget import budget_apply
from fleet.ingest.models import QuarantinedMessage
from fleet.organizations.access import Viewer, role_refusal
from fleet.organizations.models import Membership

State = QuarantinedMessage.State
#: Maximum length of a text, and maximum number of values, that are kept of headers and properties.
_VALUE_MOST, _VALUES_MOST = 300, 64
#: End of a text that was cut, and name of the number of values that were left out.
_MORE = "…"
#: Nested tables are kept to this depth; the broker's own `x-death` needs four.
_DEPTH_MOST = 5
#: Stored with the properties of a quarantined message: `Delivery.is_reused`. AMQP has no property of this name.
_REUSED = "roost_is_reused"
#: Longest note in characters.
NOTE_MOST = 2_000
_COLUMNS = (
    *("station_id", "exchange", "routing_key", "reason", "sentence", "properties", "body", "body_bytes"),
    *("stream", "seq", "received_at", "state", "is_unread"),
)
_COPY = f"COPY ingest_quarantinedmessage ({', '.join(_COLUMNS)}) FROM STDIN"
_NULL = "\\N"
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
#: Ids from here on exceed the database's range.
_ID_END = 2**63


def quarantine_write(refusals: Sequence[Refusal], moment: datetime) -> int:
    """Store refused messages, whole as far as budgets allow, in the caller's transaction; return how many there are.

    Uses COPY: a flooding station sends thousands a second here, and its neighbours wait behind them.
    """
    if not refusals:
        return 0
    lines = [_line(refusal, moment) for refusal in budget_apply(list(refusals), moment)]
    if lines:
        with cursor().copy(_COPY) as copy:
            copy.write("".join(lines))
    return len(refusals)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Number of messages with one reason."""

    reason: str
    count: int


def quarantine_list(
    *,
    viewer: Viewer,
    station: str = "",
    reason: str = "",
    state: str = State.HELD,
    start: datetime | None = None,
    end: datetime | None = None,
    after: tuple[datetime, int] | None = None,
) -> QuerySet[QuarantinedMessage]:
    """Messages of the viewer's stations, newest first; those of unknown stations only for system administrators.

    `start` is inclusive, `end` exclusive; both by the server's clock. An empty state means all states. `after`:
    moment and id of a message; only those that follow it in this order are returned.
    """
    rows = QuarantinedMessage.objects.select_related("station").defer("body").order_by("-received_at", "-id")
    rows = rows.filter(viewer.stations("station__"))
    if station:
        rows = rows.filter(station__serial__iexact=station)
    if reason:
        rows = rows.filter(reason=reason)
    if start is not None:
        rows = rows.filter(received_at__gte=start)
    if end is not None:
        rows = rows.filter(received_at__lt=end)
    if after is not None:
        moment, number = after
        rows = rows.filter(Q(received_at__lt=moment) | Q(received_at=moment, id__lt=number), received_at__lte=moment)
    return rows.filter(state=state) if state else rows


def quarantine_waiting(*, viewer: Viewer, most: int) -> int:
    """Number of held messages that this viewer may see, counted up to `most`."""
    return quarantine_list(viewer=viewer).select_related(None).order_by()[:most].count()


def quarantine_counts(*, messages: QuerySet[QuarantinedMessage]) -> list[ReasonCount]:
    """Number of these messages per reason, the commonest first."""
    counted = messages.order_by().values("reason").annotate(number=Count("id")).order_by("-number", "reason")
    return [ReasonCount(row["reason"], row["number"]) for row in counted]


def quarantine_get(*, viewer: Viewer, message_id: int) -> QuarantinedMessage:
    """One message that this viewer may see, with its body. Raises `NotFound`."""
    rows = QuarantinedMessage.objects.select_related("station").filter(id=message_id)
    rows = rows.filter(viewer.stations("station__"))
    message = rows.first() if message_id < _ID_END else None
    if message is None:
        raise NotFound(_("There is no message %(id)s in quarantine.") % {"id": message_id})
    return message


def quarantine_may_decide(*, viewer: Viewer, message: QuarantinedMessage) -> bool:
    """Whether this viewer may replay or discard the message."""
    if message.station is None:
        return viewer.sees_all
    return viewer.may_station(Membership.Role.OPERATOR, message.station)


def quarantine_decide_require(*, viewer: Viewer, message: QuarantinedMessage) -> None:
    """Raise `Forbidden` unless this viewer may replay or discard the message."""
    if not quarantine_may_decide(viewer=viewer, message=message):
        raise role_refusal(Membership.Role.OPERATOR, _("decide about messages in quarantine"))


@transaction.atomic
def quarantine_discard(*, viewer: Viewer, message: QuarantinedMessage, note: str = "") -> None:
    """Discard a message, with a note on why. It stays readable, marked as discarded.

    Raises `InvalidInput` for a note that is too long: half of a reason may say the opposite.
    """
    note = note.replace("\x00", "").strip()
    if len(note) > NOTE_MOST:
        raise InvalidInput(
            _("The note has %(length)d characters, but at most %(most)d are kept. Shorten it.")
            % {"length": len(note), "most": NOTE_MOST},
            field="note",
        )
    _decide(viewer, message, State.DISCARDED, "quarantine.discard", note)


@transaction.atomic
def quarantine_release(*, viewer: Viewer, message: QuarantinedMessage) -> Delivery:
    """Mark a message as replayed and return its delivery, for the pipeline to try again."""
    if message.reason == FORKED:
        raise Conflict(
            _(
                "This message belongs to a branch of its stream: decide about the whole branch on the station's "
                "“Deliveries” page."
            )
        )
    _decide(viewer, message, State.REPLAYED, "quarantine.replay", "")
    return delivery_of(message)


def delivery_of(message: QuarantinedMessage) -> Delivery:
    """The delivery from which a message was stored."""
    properties = dict(message.properties)
    is_reused = bool(properties.pop(_REUSED, False))
    return Delivery(
        *(message.exchange, message.routing_key, properties, bytes(message.body)),
        *(message.received_at, message.id, message.is_unread),
        is_reused=is_reused,
    )


def _decide(viewer: Viewer, message: QuarantinedMessage, state: str, action: str, note: str) -> None:
    quarantine_decide_require(viewer=viewer, message=message)
    moved = QuarantinedMessage.objects.filter(id=message.id, state=State.HELD).update(
        state=state, note=note, decided_by=viewer.name[:150], decided_at=clock.now()
    )
    if not moved:
        raise Conflict(_("Somebody else has already replayed or discarded this message."))
    audit(viewer, message, action, note=note)


def _line(refusal: Refusal, moment: datetime) -> str:
    """A message as a line for PostgreSQL's COPY, in the order of `_COLUMNS`."""
    delivery = refusal.delivery
    fields = delivery.properties.get("application_headers") or {}
    stream, seq = delivery.number or (fields.get("stream"), fields.get("seq"))
    is_sequenced = isinstance(stream, str) and type(seq) is int and 0 < seq < 2**63
    properties = msgspec.json.encode(
        {**_readable(delivery.properties), **({_REUSED: True} if delivery.is_reused else {})}
    ).decode()
    values = (
        str(refusal.station.id) if refusal.station else _NULL,
        _cell(_text(delivery.exchange)[:128]),
        _cell(_text(delivery.routing_key)[:255]),
        _cell(refusal.reason[:32]),
        _cell(_text(refusal.sentence)[:2000]),
        _cell(properties),
        # A bytea begins with a backslash, which is itself escaped here.
        f"\\\\x{delivery.body.hex()}",
        str(len(delivery.body)),
        _cell(_text(stream)[:64]) if is_sequenced else "",
        str(seq) if is_sequenced else _NULL,
        moment.isoformat(),
        State.HELD.value,
        "t" if refusal.is_unread else "f",
    )
    return "\t".join(values) + "\n"


def _cell(text: str) -> str:
    """Text escaped for COPY."""
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


def _readable(value: Any, depth: int = 0) -> Any:
    """AMQP properties as JSON that PostgreSQL can store: without NUL, with limited depth and length."""
    if isinstance(value, dict) and depth < _DEPTH_MOST:
        kept = {_cut(k): _readable(v, depth + 1) for k, v in list(value.items())[:_VALUES_MOST]}
        return kept if len(value) <= _VALUES_MOST else {**kept, _MORE: len(value) - _VALUES_MOST}
    if isinstance(value, list) and depth < _DEPTH_MOST:
        kept_values = [_readable(v, depth + 1) for v in value[:_VALUES_MOST]]
        return kept_values if len(value) <= _VALUES_MOST else [*kept_values, {_MORE: len(value) - _VALUES_MOST}]
    if isinstance(value, dict | list):
        # Not as text: formatting something nested hundreds deep ends in a RecursionError.
        return "(nested too deeply to be shown)"
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return _cut(value)


def _cut(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _VALUE_MOST else text[: _VALUE_MOST - 1] + _MORE


def _text(value: object) -> str:
    raw = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return raw.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
