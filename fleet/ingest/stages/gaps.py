"""Numbers for which the ledger has no room: their messages wait in quarantine until gaps of the stream have closed.

They are in no ledger, so quarantine itself detects their repeats, and the ledger is asked before they are accepted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fleet.core import clock
from fleet.ingest.delivery import FORKED, TOO_MANY_GAPS, TOO_MANY_STREAMS, Refusal, StationRef
from fleet.ingest.ledger import Number, Streams, Taken, number_of_refusal, streams_lock, streams_read, streams_write
from fleet.ingest.memory.stations import StationBook
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.quarantine import State, delivery_of
from fleet.ingest.stages.predecessors import line_of
from message_queue.routing import serial_of_exchange

TOO_MANY_GAPS_SENTENCE = (
    "The stream of this message has more gaps than Roost keeps track of. The message is kept here and accepted "
    "automatically once gaps have closed; check the station if it leaves so many."
)
TOO_MANY_STREAMS_SENTENCE = (
    "The station has begun more streams, or more runs of its agent claim the same numbers, than Roost keeps track of. "
    "The message is kept here. Find out what causes so many, then try the message again."
)
#: Numbers of messages held for these reasons are in no ledger.
UNNOTED = (TOO_MANY_GAPS, TOO_MANY_STREAMS)
#: Station, stream, number and run.
_Name = tuple[int, str, int, str]


@dataclass(slots=True)
class Admission:
    """The ledger's present answer about messages that waited."""

    new: list[QuarantinedMessage] = field(default_factory=list)
    repeats: list[QuarantinedMessage] = field(default_factory=list)
    waits: list[QuarantinedMessage] = field(default_factory=list)


def gaps_first(refusals: list[Refusal]) -> list[Refusal]:
    """Leave out refusals that already wait in quarantine for room in the ledger. Their streams must be locked."""
    names = {id(refusal): _name(refusal) for refusal in refusals if refusal.reason in UNNOTED and _has_name(refusal)}
    if not names:
        return refusals
    stations = {
        older.id: refusal.station.id
        for refusal in refusals
        if refusal.station is not None
        for older in (refusal.station, *line_of(refusal.station))
    }
    rows = QuarantinedMessage.objects.filter(
        reason__in=UNNOTED,
        state__in=(State.HELD, State.DISCARDED),
        station__in=list(stations),
        stream__in={name[1] for name in names.values()},
        seq__in={name[2] for name in names.values()},
    ).values_list("station_id", "stream", "seq", "properties__application_headers__run")
    here: set[_Name] = {
        (stations[station_id], stream, seq or 0, run or "") for station_id, stream, seq, run in rows if station_id
    }
    kept: list[Refusal] = []
    for refusal in refusals:
        name = names.get(id(refusal))
        if name is None:
            kept.append(refusal)
        elif name not in here:
            here.add(name)
            kept.append(refusal)
    return kept


def gaps_admit(messages: Sequence[QuarantinedMessage]) -> Admission:
    """Record the numbers of held messages that the caller has locked, as far as there is room now."""
    known = StationBook().look_up({serial for message in messages if (serial := serial_of_exchange(message.exchange))})
    numbers: list[tuple[QuarantinedMessage, int, Number | None]] = []
    for message in messages:
        station_id, number = _number(message, known)
        numbers.append((message, station_id, number))
    admission, moment = Admission(), clock.now()
    keys = list({(station_id, number.stream) for _message, station_id, number in numbers if number is not None})
    streams = Streams(streams_read(streams_lock(keys), keys, moment), moment)
    for message, station_id, number in numbers:
        taken = Taken.NEW if number is None else streams.take(station_id, number)
        if taken is Taken.NEW:
            admission.new.append(message)
        elif taken is Taken.REPEAT:
            admission.repeats.append(message)
        else:
            admission.waits.append(message)
            if taken is Taken.HELD:
                # Its number is now on a branch, so it is decided about with the branch.
                QuarantinedMessage.objects.filter(id=message.id).update(reason=FORKED)
    for state in streams.states():
        # This tells nothing about which machine is sending now.
        state.is_newest = False
    streams_write(streams.states(), max((message.received_at for message in messages), default=moment))
    return admission


def _number(message: QuarantinedMessage, known: dict[str, StationRef]) -> tuple[int, Number | None]:
    """The station whose ledger a message's number belongs to, and the number."""
    station = known.get(serial_of_exchange(message.exchange) or "")
    if station is None and message.station_id is not None:
        station = StationRef(message.station_id, 0, "")
    return (station.id if station else 0), number_of_refusal(Refusal(delivery_of(message), station, "", ""))


def _has_name(refusal: Refusal) -> bool:
    """Whether its headers contain its number; clients that number in the body have none there."""
    return number_of_refusal(Refusal(refusal.delivery, refusal.station, "", "")) is not None


def _name(refusal: Refusal) -> _Name:
    fields = refusal.delivery.properties["application_headers"]
    assert refusal.station is not None  # noqa: S101 - a number was read with it
    run = fields.get("run")
    return refusal.station.id, fields["stream"], fields["seq"], run if isinstance(run, str) else ""
