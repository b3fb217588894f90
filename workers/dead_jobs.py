"""Moves jobs that killed their workers from the broker's dead letter queue to the database, where people see them."""

from typing import Any

from kombu import Queue
from kombu.message import Message

from fleet.core.dead_jobs import dead_job_keep
from message_queue.topology import DEAD_JOB_QUEUE, JOB_QUEUES
from workers.celery_app import app

#: Maximum jobs per run. The rest wait for the next run, a minute later.
_RUN_MOST = 20_000


def dead_jobs_collect() -> int:
    """Move dead jobs, at most `_RUN_MOST`; return how many were taken. Each is acknowledged after its commit.

    The queue also receives jobs that expired while no worker was running. They are dropped silently, because the next
    job of the same kind does their work.
    """
    taken = 0
    with app.connection_for_write() as connection, connection.channel() as channel:
        queue = Queue(DEAD_JOB_QUEUE, channel=channel)
        while taken < _RUN_MOST and (message := queue.get(no_ack=False, accept=["json"])) is not None:
            taken += 1
            headers = message.headers or {}
            if _is_expired(headers):
                message.ack()
                continue
            job_id = headers.get("id") or message.properties.get("correlation_id") or str(message.delivery_tag)
            arguments = _arguments(message)
            task = str(headers.get("task") or "") if arguments is not None else ""
            dead_job_keep(job_id=str(job_id), task=task, arguments=arguments or {})
            message.ack()
    return taken


def _is_expired(headers: dict[str, Any]) -> bool:
    """Whether the job only expired, according to the broker's header `x-death`.

    Delayed jobs also expire in their delay queue on the way; that does not count.
    """
    deaths = [death["reason"] for death in headers.get("x-death", ()) if death["queue"] in JOB_QUEUES]
    return bool(deaths) and set(deaths) == {"expired"}


def _arguments(message: Message) -> dict[str, Any] | None:
    """The keyword arguments, the only ones that our jobs have; None if the message is not ours."""
    try:
        positional, named, _embedded = message.decode()
    except Exception:  # noqa: BLE001 - an unreadable message must not hold up the others
        return None
    return named if isinstance(named, dict) and not positional else None
