"""The Celery application: its broker is the vhost for jobs, which no station can reach."""

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

#: A topic exchange, as delayed delivery works through no other.
_JOBS = Exchange(JOBS, type="topic")


def _queue(name: str) -> Queue:
    return Queue(name, _JOBS, routing_key=name, queue_arguments={"x-queue-type": "quorum"})


app = Celery("roost")
app.conf.update(
    broker_url=settings.ROOST_JOBS_BROKER_URL,
    # Seconds; with 10 a half-open connection is noticed before anybody misses the worker.
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
    # A durable control queue whose broker of a cluster is gone cannot be declared, and the worker ends of it, over and
    # over. Stations must be heard meanwhile; nobody steers ingest in that way.
    worker_enable_remote_control=os.environ.get("ROOST_INGEST") != "1",
    # An exclusive control queue makes a worker exit when its connection dies half-open (405 on reconnect).
    control_queue_exclusive=False,
    control_queue_durable=True,
    timezone="UTC",
    worker_hijack_root_logger=False,
    imports=["workers.tasks"],
)


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery would set up its own logging; Django's stands."""


@beat_init.connect
def _leave_signs(**_: object) -> None:
    """The clock works as long as the broker confirms what it sends."""
    after_task_publish.connect(_clock_sent, weak=False)


def _clock_sent(**_: object) -> None:
    sign_leave("beat")


def _complete() -> None:
    """Add what needs the application to exist: the schedule and the consumer of station messages."""
    from workers.consumers.inbound import InboundStep  # noqa: PLC0415 - app loading
    from workers.schedule import SCHEDULE  # noqa: PLC0415 - app loading

    app.conf.beat_schedule = SCHEDULE
    app.steps["worker"].add(InboundStep)


_complete()
