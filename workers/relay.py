"""The relay: publishes outbox rows with publisher confirms, and marks them as published.

Run as `python -m workers.relay`.

    wait for NOTIFY (or one second) ─▶ lock due rows, oldest first ─▶ publish each, confirmed, and mark it
                                  ▲                                                     │
                                  └──────── mark the commands that were sent ◀──────────┘

If a relay dies, its transaction releases its rows and another relay publishes them, so delivery is at least once. That
is safe: the station's journal runs a command only once, jobs are repeatable, and events carry their time.
"""

import logging
import os
import random
import signal
import sys
import threading
from datetime import datetime, timedelta
from uuid import UUID

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
django.setup(set_prefix=False)

import psycopg  # noqa: E402 - Django first
from django.conf import settings  # noqa: E402
from django.db import Error, connection, transaction  # noqa: E402
from kombu.exceptions import OperationalError as JobsAway  # noqa: E402

from fleet.commands.orders import ORDERS, order_encode  # noqa: E402
from fleet.commands.services import command_is_wanted, command_sent  # noqa: E402
from fleet.core import clock  # noqa: E402
from fleet.core.models import OutboxMessage  # noqa: E402
from fleet.core.outbox import CHANNEL  # noqa: E402
from fleet.core.pulses import pulse_beat  # noqa: E402
from message_queue.errors import PublishFailed  # noqa: E402
from message_queue.publisher import Publisher  # noqa: E402
from message_queue.topology import COMMANDS, FLEET_EVENTS  # noqa: E402
from workers.celery_app import app  # noqa: E402

_log = logging.getLogger("roost.relay")
_json = msgspec.json.Encoder().encode
Target = OutboxMessage.Target

#: Maximum rows per round, and the longest delay before a row is tried again, in seconds.
ROUND_MOST = 200
RETRY_MOST_S = 60.0


class Relay:
    """A relay. Several can run at once: each row is locked by the relay that publishes it."""

    def __init__(self) -> None:
        self._publisher = Publisher(settings.ROOST_COMMAND_BROKER_URL)
        self._stopping = threading.Event()
        self._is_failing = False

    def run(self) -> None:
        """Publish until stopped. Wait for the database or the broker if it is away."""
        while not self._stopping.is_set():
            try:
                self._publish_until_stopped()
            except (Error, psycopg.Error) as error:
                _log.warning("The database is away or busy, the relay waits: %s", str(error).strip().splitlines()[:1])
                connection.close()
                self._stopping.wait(2.0)
        self._publisher.close()

    def stop(self, *_: object) -> None:
        """Stop after the current round."""
        self._stopping.set()

    def _publish_until_stopped(self) -> None:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        raw = connection.connection
        while not self._stopping.is_set():
            while self.publish_round() == ROUND_MOST and not self._stopping.is_set():
                pass
            pulse_beat(name="relay")
            self._publisher.idle()
            # One notice is enough to look again. The timeout covers lost notices.
            for _notice in raw.notifies(timeout=1.0, stop_after=1):
                break

    def publish_round(self) -> int:
        """Publish rows that are due; return how many were fetched."""
        with transaction.atomic():
            rows = list(
                OutboxMessage.objects.select_for_update(skip_locked=True)
                .filter(published_at=None, due_at__lte=clock.now())
                .order_by("id")[:ROUND_MOST]
            )
            sent: list[tuple[UUID, datetime]] = []
            for row in rows:
                if not self._publish(row, sent):
                    break
            # Lock commands in the same order as reports and withdrawals do, so that no deadlock is possible.
            for command_id, moment in sorted(sent):
                command_sent(command_id=command_id, moment=moment)
        return len(rows)

    def _publish(self, row: OutboxMessage, sent: list[tuple[UUID, datetime]]) -> bool:
        """Publish one row, mark it and add its command to `sent`. False if the broker is away, which ends the round."""
        moment = clock.now()
        try:
            if _is_wanted(row, moment):
                self._send(row)
                if row.target == Target.COMMAND:
                    sent.append((UUID(row.message_id), moment))
            OutboxMessage.objects.filter(id=row.id).update(published_at=moment)
        except (PublishFailed, JobsAway, OSError) as error:
            delay = min(2.0 ** min(row.attempts, 6), RETRY_MOST_S) * random.uniform(0.5, 1.0)
            OutboxMessage.objects.filter(id=row.id).update(
                attempts=row.attempts + 1, due_at=moment + timedelta(seconds=delay), last_error=str(error)[:500]
            )
            if not self._is_failing:
                _log.warning("Row %s (%s) was not published and is tried again: %s", row.id, row, error)
            self._is_failing = True
            # A full command queue must not stop other rows; an unreachable broker stops all.
            return isinstance(error, PublishFailed) and not error.is_away
        if self._is_failing:
            _log.info("The broker takes messages again.")
        self._is_failing = False
        return True

    def _send(self, row: OutboxMessage) -> None:
        if row.target == Target.JOB:
            app.send_task(row.routing_key, kwargs=row.body, retry=False)
            return
        is_order = row.target in ORDERS
        self._publisher.publish(
            exchange=COMMANDS if is_order else FLEET_EVENTS,
            routing_key=row.routing_key,
            body=order_encode(row) if is_order else _json(row.body),
            kind=row.target,
            message_id=row.message_id,
            expires_in=(row.expires_at - clock.now()).total_seconds() if row.expires_at else None,
            # An event without subscribers is not an error; a command without a queue is.
            mandatory=is_order,
        )


def _is_wanted(row: OutboxMessage, moment: datetime) -> bool:
    """False if the row has expired, or its command was cancelled while the broker was away."""
    if row.expires_at is not None and row.expires_at <= moment:
        return False
    return row.target != Target.COMMAND or command_is_wanted(command_id=UUID(row.message_id))


def main() -> int:
    """Run one relay until SIGTERM."""
    relay = Relay()
    signal.signal(signal.SIGTERM, relay.stop)
    signal.signal(signal.SIGINT, relay.stop)
    _log.info("The relay publishes.")
    relay.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
