"""The Celery application. Its broker is the vhost for jobs, which stations cannot reach."""

import os

import django
from celery import Celery
from celery.signals import after_task_publish, beat_init, setup_logging
from django.conf import settings
from kombu import Exchange, Queue

from fleet.core.signs import sign_leave
from message_queue.topology import JOB_QUEUES, JOBS, TASK_QUEUE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
django.setup(set_prefix=False)

#: A topic exchange, because delayed delivery requires one.
_JOBS = Exchange(JOBS, type="topic")


def _queue(name: str) -> Queue:
    return Queue(name, _JOBS, routing_key=name, queue_arguments={"x-queue-type": "quorum"})


app = Celery("roost")
app.conf.update(
    broker_url=settings.ROOST_JOBS_BROKER_URL,
    # Seconds; 10 detects a half-open connection before the worker is missed.
    broker_heartbeat=10,
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True, "read_timeout": 10, "write_timeout": 10},
    task_queues=[_queue(name) for name in JOB_QUEUES],
    task_create_missing_queues=False,
    task_default_queue=TASK_QUEUE,
    task_default_exchange=_JOBS.name,
    task_default_exchange_type=_JOBS.type,
    task_default_routing_key=TASK_QUEUE,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=540,
    task_soft_time_limit=480,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_max_tasks_per_child=1000,
    worker_send_task_events=True,
    # If the cluster node that holds the durable control queue is down, declaring it fails and the worker keeps exiting.
    # Ingest must keep running then, and it does not need remote control.
    worker_enable_remote_control=not settings.ROOST_INGEST,
    # With an exclusive control queue, a worker whose connection died half-open exits on reconnect (405).
    control_queue_exclusive=False,
    control_queue_durable=True,
    timezone="UTC",
    worker_hijack_root_logger=False,
    imports=["workers.tasks"],
)


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Keep Django's logging: with a receiver connected, Celery does not set up its own."""


@beat_init.connect
def _leave_signs(**_: object) -> None:
    """Leave a sign whenever the broker has confirmed a task from beat, which proves that beat is healthy."""
    after_task_publish.connect(_leave_beat_sign, weak=False)


def _leave_beat_sign(**_: object) -> None:
    sign_leave("beat")


def _complete() -> None:
    """Add the schedule, its watch, and the consumers of station messages. All their modules need `app` to exist."""
    from workers import failing_jobs  # noqa: F401, PLC0415 - it connects itself to Celery's signals
    from workers.consumers.files import FilesStep  # noqa: PLC0415 - app loading
    from workers.consumers.inbound import InboundStep  # noqa: PLC0415 - app loading
    from workers.schedule import SCHEDULE  # noqa: PLC0415 - app loading

    app.conf.beat_schedule = SCHEDULE
    app.steps["worker"].update((InboundStep, FilesStep))


_complete()
