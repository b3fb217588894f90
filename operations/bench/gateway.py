"""Publishes for many stations over few connections, as a gateway does: at a steady rate, or as fast as it goes.

Run as a process of its own: `python -m operations.bench.gateway PLAN`; the plan is JSON, and so is the summary.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import amqp
import msgspec

from message_queue import codec
from message_queue.routing import message_key, station_exchange
from operations.bench.traffic import connect
from operations.instance import Instance

#: Unconfirmed messages of one connection, and messages between two looks at its confirms.
WINDOW, LOOK = 4_000, 100
STEP_S = 0.01


class Plan(msgspec.Struct):
    """What to publish. `rate` in messages a second over all stations; 0 is as fast as it goes.

    Without `since` a message's time is that of its publishing, else `since` seconds ago and five minutes later each.
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

    def publish(self, exchange: str, key: str, body: bytes, properties: dict[str, Any]) -> None:
        self._channel.basic_publish(amqp.Message(body, **properties), exchange=exchange, routing_key=key)
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
        lines[number % len(lines)].publish(exchanges[number % count], key, _body(plan, at), _properties(plan, seq))
    for line in lines:
        line.close()
    spent = time.monotonic() - began
    return {"messages": plan.messages, "seconds": round(spent, 2), "latest_s": round(late, 2)}


def _body(plan: Plan, at: float) -> bytes:
    more = "".join(f',{{"n":"r{number}","v":{12.5 + number}}}' for number in range(1, plan.readings))
    return f'[{{"bn":"{plan.series}/","bt":{at:.6f},"n":"r0","u":"V","v":12.5}}{more}]'.encode()


def _properties(plan: Plan, seq: int) -> dict[str, Any]:
    headers = codec.headers(version=1, stream=plan.stream, seq=seq, oldest=1, next_seq=seq + 1)
    return {
        "type": "readings",
        "delivery_mode": 2,
        "content_type": "application/senml+json",
        "message_id": f"{plan.stream}/{seq}",
        "application_headers": headers,
    }


if __name__ == "__main__":
    print(json.dumps(gateway_run(msgspec.json.decode(sys.argv[1].encode(), type=Plan))))
