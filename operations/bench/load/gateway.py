"""Publishing for many stations over few connections, like a gateway: at a steady rate, or as fast as possible.

Run as a separate process: `python -m operations.bench.load.gateway PLAN`; the plan and the summary are JSON. Frames are
written by hand: publishing must be cheap compared with what is measured.
"""

from __future__ import annotations

import json
import struct
import sys
import time

import msgspec

from message_queue.routing import message_key, station_exchange
from operations.bench.load.traffic import connect
from operations.instance import Instance

#: Unconfirmed messages per connection, and messages between two checks for confirms.
WINDOW, LOOK = 4_000, 100
#: Flags: content type, headers, delivery mode, message id and type are present.
_PROPERTIES = 1 << 15 | 1 << 13 | 1 << 12 | 1 << 7 | 1 << 5
STEP_S = 0.01


class Plan(msgspec.Struct):
    """A load to publish. `rate` in messages per second over all stations; 0 is as fast as possible.

    Without `since`, a message's time is its publishing time. With it, a station's messages begin `since` seconds
    ago and are five minutes apart.
    """

    serials: list[str]
    stream: str
    series: str
    messages: int
    rate: float = 0.0
    readings: int = 1
    since: float | None = None
    connections: int = 2


class _Line:
    """One connection with its confirms."""

    def __init__(self, instance: Instance) -> None:
        self._connection = connect(instance)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        events: dict[str, set[object]] = vars(self._channel)["events"]
        events["basic_ack"].add(self._confirmed)
        self._published = self._acknowledged = 0

    def _confirmed(self, tag: int, multiple: bool) -> None:  # noqa: ARG002, FBT001 - py-amqp's signature
        self._acknowledged = max(self._acknowledged, tag)

    def publish(self, frames: bytes) -> None:
        """Publish one message, given as its frames on channel 1."""
        self._connection.transport.write(frames)
        self._published += 1
        if self._published % LOOK == 0:
            self._look()

    def _look(self) -> None:
        while self._published - self._acknowledged > WINDOW:
            self._connection.drain_events()
        try:
            while True:
                self._connection.drain_events(timeout=0.0005)
        except TimeoutError:
            pass

    def close(self) -> None:
        """Wait for the last confirm."""
        while self._acknowledged < self._published:
            self._connection.drain_events()
        self._connection.close()


def gateway_run(plan: Plan) -> dict[str, float]:
    """Publish everything and return when the broker has confirmed it."""
    instance = Instance.load()
    lines = [_Line(instance) for _ in range(plan.connections)]
    exchanges = [station_exchange(serial) for serial in plan.serials]
    count, key = len(exchanges), message_key("readings", is_late=plan.since is not None)
    began = time.monotonic()
    origin = time.time() - (plan.since or 0.0)
    late = 0.0
    for number in range(plan.messages):
        if plan.rate:
            due = began + number / plan.rate
            if (wait := due - time.monotonic()) > STEP_S:
                time.sleep(wait)
            late = max(late, -wait)
        seq = number // count + 1
        at = time.time() if plan.since is None else origin + 300.0 * seq
        lines[number % len(lines)].publish(_frames(plan, exchanges[number % count], key, seq, _body(plan, at)))
    for line in lines:
        line.close()
    spent = time.monotonic() - began
    return {"messages": plan.messages, "seconds": round(spent, 2), "latest_s": round(late, 2)}


def _body(plan: Plan, at: float) -> bytes:
    more = "".join(f',{{"n":"r{number}","v":{12.5 + number}}}' for number in range(1, plan.readings))
    return f'[{{"bn":"{plan.series}/","bt":{at:.6f},"n":"r0","u":"V","v":12.5}}{more}]'.encode()


def _frames(plan: Plan, exchange: str, key: str, seq: int, body: bytes) -> bytes:
    """A persistent message in AMQP 0-9-1 framing: a method, a header and a body frame."""
    stream = plan.stream.encode()
    table = b"\x06streamS" + struct.pack(">I", len(stream)) + stream
    for name, value in (("v", 1), ("seq", seq), ("oldest", 1), ("next", seq + 1)):
        table += _short(name) + b"l" + struct.pack(">q", value)
    properties = (
        _short("application/senml+json")
        + struct.pack(">I", len(table))
        + table
        + b"\x02"
        + _short(f"{plan.stream}/{seq}")
        + _short("readings")
    )
    return (
        _frame(1, struct.pack(">HHH", 60, 40, 0) + _short(exchange) + _short(key) + b"\x00")
        + _frame(2, struct.pack(">HHQH", 60, 0, len(body), _PROPERTIES) + properties)
        + _frame(3, body)
    )


def _frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


def _short(text: str) -> bytes:
    raw = text.encode()
    return bytes((len(raw),)) + raw


if __name__ == "__main__":
    print(json.dumps(gateway_run(msgspec.json.decode(sys.argv[1].encode(), type=Plan))))
