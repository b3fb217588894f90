"""Reading messages at a measured price: each is read once, and a batch ends before others wait too long.

The cost of reading is part of the message's weight, so that its station's quota pays for it.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from fleet.ingest.delivery import Arrival, Delivery, Refusal, StationRef
from fleet.ingest.limits.quota import ROW_WEIGHT
from fleet.ingest.uploads import upload_check
from message_queue.codec import Decoded, envelope_read
from message_queue.errors import MessageRefused
from message_queue.intake import message_read
from message_queue.left_out import LeftOut
from message_queue.routing import serial_of_exchange
from message_queue.unpacking import size_said

#: Processor seconds that any message may take for free, and the weight in bytes of each further second.
USUAL_S, SECOND_WEIGHT = 0.001, 100_000_000
#: Messages after which the processor's clock is read again.
_MARK_EVERY = 64
#: Seconds of writing assumed per row, for comparing stations.
_ROW_S = 0.00001


class Portion(NamedTuple):
    """Limits on reading before writing: seconds of processor time, rows, and weight in bytes."""

    seconds: float
    rows: int
    size: int


class _Read(NamedTuple):
    """Result of reading a message: the message, or reason and sentence of its refusal."""

    message: Decoded | None
    reason: str
    sentence: str
    weight: int
    rows: int
    seconds: float


class _Price:
    """Processor seconds of each message.

    Asking for processor time costs a tenth of reading a small message; asking for wall-clock time costs nearly nothing.
    Processor time is at most wall-clock time, so it is asked for only if the latter was long, as when the system ran
    something else meanwhile. The price then includes a few small messages before this one.
    """

    def __init__(self) -> None:
        self._unmarked, self._marked_at = _MARK_EVERY, 0.0

    def begin(self) -> float:
        """The wall-clock time at which reading begins."""
        self._unmarked += 1
        if self._unmarked > _MARK_EVERY:
            self._mark()
        return time.perf_counter()

    def since(self, begun: float) -> float:
        """Processor seconds since reading began."""
        seconds = time.perf_counter() - begun
        if seconds <= USUAL_S:
            return seconds
        marked_at = self._marked_at
        return min(seconds, self._mark() - marked_at)

    def _mark(self) -> float:
        self._unmarked, self._marked_at = 0, time.thread_time()
        return self._marked_at


class Reader:
    """Reads the messages of one take; each is read once, however often their batch is tried."""

    def __init__(self) -> None:
        self._read: dict[int, _Read] = {}
        self._price = _Price()

    def ahead(self, deliveries: Sequence[Delivery], portion: Portion) -> tuple[int, str | None]:
        """Read until the portion is used up; return how many were read, and the costliest exchange if some are left."""
        seconds, rows, size = 0.0, 0, 0
        costs: dict[str, float] = {}
        for number, delivery in enumerate(deliveries):
            if number and (seconds >= portion.seconds or rows >= portion.rows or size >= portion.size):
                return number, max(costs, key=lambda exchange: costs[exchange])
            read = self._read_once(delivery)
            seconds += read.seconds
            rows += read.rows
            size += read.weight
            costs[delivery.exchange] = costs.get(delivery.exchange, 0.0) + read.seconds + read.rows * _ROW_S
        return len(deliveries), None

    def message(self, delivery: Delivery, station: StationRef) -> Arrival | Refusal:
        """The decoded message for this station, or its refusal."""
        read = self._read_once(delivery)
        if read.message is None:
            return Refusal(delivery, station, read.reason, read.sentence, weight=read.weight)
        left_out = read.message.left_out
        return Arrival(delivery, station, read.message, read.weight, left_out.copy() if left_out else LeftOut())

    def forget(self) -> None:
        """Drop what was read, at the end of a take."""
        self._read.clear()

    def _read_once(self, delivery: Delivery) -> _Read:
        found = self._read.get(id(delivery))
        if found is None:
            found = self._read[id(delivery)] = _read_at_price(delivery, self._price)
        return found


def unread(delivery: Delivery, station: StationRef) -> Arrival | Refusal:
    """Build an arrival from the envelope alone, without reading the body."""
    weight = weight_said(delivery)
    try:
        envelope, contract = envelope_read(delivery.properties, delivery.routing_key, station.serial)
    except MessageRefused as error:
        return Refusal(delivery, station, error.reason, str(error), weight=weight)
    message = Decoded(envelope, contract, None, weight)
    try:
        upload_check(delivery.exchange, message)
    except MessageRefused as error:
        return Refusal(delivery, station, error.reason, str(error), weight=weight)
    return Arrival(delivery, station, message, weight)


def weight_said(delivery: Delivery) -> int:
    """Unpacked size of a message in bytes, according to the message itself."""
    return size_said(delivery.body, str(delivery.properties.get("content_encoding") or ""))


def _read_at_price(delivery: Delivery, price: _Price) -> _Read:
    begun = price.begin()
    message: Decoded | None = None
    reason, sentence, rows = "", "", 0
    try:
        serial = serial_of_exchange(delivery.exchange) or ""
        decoded = message_read(delivery.properties, delivery.routing_key, serial, delivery.body)
        upload_check(delivery.exchange, decoded)
        message, rows = decoded, decoded.contract.rows(decoded.body)
    except MessageRefused as error:
        reason, sentence = error.reason, str(error)
    except RecursionError:
        reason, sentence = "too-deep", "The message is nested too deeply."
    seconds = price.since(begun)
    size = weight_said(delivery) if message is None else message.size
    weight = max(size, rows * ROW_WEIGHT)
    if seconds > USUAL_S:
        weight += round((seconds - USUAL_S) * SECOND_WEIGHT)
    return _Read(message, reason, sentence, weight, rows, seconds)
