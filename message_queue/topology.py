"""Exchanges, queues, bindings, policies and permissions on the broker; declared only here.

Stations and their readers have one vhost, Celery another: anyone who can write to a Celery queue can run any task, so
stations must not. Works on RabbitMQ 3.10 and 4.x: quorum queues, no global QoS, no mirroring.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from message_queue import contracts
from message_queue.contracts.base import Lane
from message_queue.pieces import ASK_KEY, FILES_QUEUE, PIECE_KEY
from message_queue.routing import FLEET_VHOST, JOBS_VHOST, message_key

INBOUND = "inbound"
INBOUND_OTHER = "inbound.other"
COMMANDS = "commands"
FLEET_EVENTS = "fleet.events"
DEAD = "dead"
DEAD_QUEUE = "inbound.dead"
#: Exchange and queue for events that a full tap dropped, or that expired in it, until they are counted.
TAPS_DROPPED = "taps.dropped"

#: Queue of each lane, most urgent first; the ingest worker drains them in this order.
INBOUND_QUEUES = (Lane.URGENT.value, Lane.TELEMETRY.value, Lane.BULK.value)

#: Bytes that an inbound queue holds before it refuses messages; stations then keep their data.
INBOUND_MAX_BYTES = 2_000_000_000
#: Failed deliveries, such as crashes of the reader, after which a message is dead-lettered.
DELIVERY_LIMIT = 20
#: Largest limit that both 3.10 and 4.x accept, for queues without a dead letter exchange: they must keep messages that
#: crash their reader. Without a limit, 4.x drops a message after 20 deliveries.
NO_DELIVERY_LIMIT = 2_147_483_647
#: Maximum commands waiting for one station.
COMMANDS_WAITING_MOST = 50

#: Maximum dropped events that wait to be counted; beyond that, some are not counted.
TAPS_DROPPED_MOST = 100_000

#: Limits of a station's login: it uses two connections, plus room for half-open ones that a bad link leaves behind.
STATION_LIMITS = {"max-connections": 6, "max-channels": 48}
#: Limits of a tap's login: a reader, the reader that replaces it, and half-open connections.
TAP_LIMITS = {"max-connections": 4, "max-channels": 16}


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange."""

    name: str
    type: str
    internal: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue; quorum by default."""

    name: str
    type: str = "quorum"
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding from an exchange to a queue or another exchange."""

    source: str
    destination: str
    destination_type: str
    key: str


#: Messages of unknown kinds still reach quarantine, through the alternate exchange of the inbound topic.
EXCHANGES = (
    Exchange(INBOUND, "topic", internal=True, arguments={"alternate-exchange": INBOUND_OTHER}),
    Exchange(INBOUND_OTHER, "fanout", internal=True),
    Exchange(COMMANDS, "direct"),
    Exchange(FLEET_EVENTS, "topic"),
    Exchange(DEAD, "topic", internal=True),
    Exchange(TAPS_DROPPED, "fanout", internal=True),
)
QUEUES = (
    *(Queue(name) for name in INBOUND_QUEUES),
    # Pieces of files, kept apart from all data; several readers would process them out of order.
    Queue(FILES_QUEUE, arguments={"x-single-active-consumer": True}),
    Queue(DEAD_QUEUE),
    Queue(TAPS_DROPPED, type="classic"),
)


#: Celery's exchange and queues in vhost `jobs`; they exist before any worker starts.
JOBS = "jobs"
TASK_QUEUE = "tasks"
INGEST_CONTROL_QUEUE = "ingest.control"
JOB_QUEUES = (TASK_QUEUE, INGEST_CONTROL_QUEUE)
#: Jobs that repeatedly killed their worker, and expired ones, wait here. When it is full, they stay in their own queue.
DEAD_JOB_QUEUE = "tasks.dead"
DEAD_JOBS_MOST = 100_000


def bindings() -> tuple[Binding, ...]:
    """Each kind goes to its lane's queue, late and unknown messages to bulk, files and dead letters to their own queues."""
    kinds = contracts.contracts().values()
    return (
        *(Binding(INBOUND, c.lane.value, "queue", c.kind) for c in kinds),
        *(Binding(INBOUND, Lane.BULK.value, "queue", message_key(c.kind, is_late=True)) for c in kinds),
        *(Binding(INBOUND, FILES_QUEUE, "queue", key) for key in (ASK_KEY, PIECE_KEY)),
        Binding(INBOUND_OTHER, Lane.BULK.value, "queue", ""),
        Binding(DEAD, DEAD_QUEUE, "queue", "#"),
        Binding(TAPS_DROPPED, TAPS_DROPPED, "queue", ""),
    )


def tap_arguments(*, messages: int, octets: int, seconds: int) -> dict[str, Any]:
    """Arguments of a tap's queue: a full one drops its oldest events, which are counted as they leave it."""
    return {
        "x-queue-type": "classic",
        "x-overflow": "drop-head",
        "x-max-length": messages,
        "x-max-length-bytes": octets,
        "x-message-ttl": seconds * 1_000,
        "x-dead-letter-exchange": TAPS_DROPPED,
    }


POLICIES: dict[str, dict[str, Any]] = {
    "inbound": {
        "pattern": r"^inbound\.(urgent|telemetry|bulk|files)$",
        "definition": {
            "delivery-limit": DELIVERY_LIMIT,
            "dead-letter-exchange": DEAD,
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",
            "max-length-bytes": INBOUND_MAX_BYTES,
        },
    },
    "dead": {
        "pattern": r"^inbound\.dead$",
        "definition": {
            "delivery-limit": NO_DELIVERY_LIMIT,
            "overflow": "reject-publish",
            "max-length-bytes": INBOUND_MAX_BYTES,
        },
    },
    "commands": {
        "pattern": r"^cmd\.",
        "definition": {
            # A station on a bad link may disconnect often while holding a command, and each withdrawal counts too.
            "delivery-limit": NO_DELIVERY_LIMIT,
            # Twice as many, because a withdrawal may follow each command.
            "max-length": 2 * COMMANDS_WAITING_MOST,
            "overflow": "reject-publish",
        },
    },
    "taps-dropped": {
        "pattern": r"^taps\.dropped$",
        "definition": {
            "delivery-limit": NO_DELIVERY_LIMIT,
            "max-length": TAPS_DROPPED_MOST,
            "overflow": "drop-head",
        },
    },
}

#: Policies of vhost `jobs`. Without a delivery limit, a job that kills its process would be retried forever.
JOB_POLICIES: dict[str, dict[str, Any]] = {
    "jobs": {
        "pattern": r"^(tasks|ingest\.control)$",
        "definition": {
            "delivery-limit": DELIVERY_LIMIT,
            "dead-letter-exchange": DEAD,
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",
        },
    },
    "dead-jobs": {
        "pattern": r"^tasks\.dead$",
        "definition": {
            "delivery-limit": NO_DELIVERY_LIMIT,
            # Jobs that it refuses stay where they were: the other policy publishes dead letters until accepted.
            "overflow": "reject-publish",
            "max-length": DEAD_JOBS_MOST,
        },
    },
}

#: Permissions of the server's own users in vhost `fleet`: (configure, write, read).
SERVER_PERMISSIONS = {
    # It answers senders of files at the addresses that the broker gave them, through the default exchange.
    "ingest": ("^$", r"^amq\.default$", r"^inbound\.(urgent|telemetry|bulk|files|dead)$"),
    # It withdraws cancelled commands from stations' queues, publishes the data that the server reads from their cards,
    # and counts the events that taps dropped.
    "commander": ("^$", r"^(commands|fleet\.events|up\..+)$", r"^(cmd\..+|taps\.dropped)$"),
    "provisioner": (".*", ".*", ".*"),
}


def definitions(
    users: Mapping[str, str], fleet_vhost: str = FLEET_VHOST, jobs_vhost: str = JOBS_VHOST
) -> dict[str, Any]:
    """RabbitMQ's definitions document. `users` maps names (ingest, commander, provisioner, jobs) to passwords."""
    return {
        "users": [
            {"name": name, "password": password, "tags": "administrator" if name == "provisioner" else ""}
            for name, password in users.items()
        ],
        "vhosts": [{"name": fleet_vhost}, {"name": jobs_vhost}],
        "permissions": _permissions(users, fleet_vhost, jobs_vhost),
        "policies": [*_policies(fleet_vhost, POLICIES), *_policies(jobs_vhost, JOB_POLICIES)],
        "exchanges": [
            *(_exchange(fleet_vhost, exchange) for exchange in EXCHANGES),
            _exchange(jobs_vhost, Exchange(JOBS, "topic")),
            _exchange(jobs_vhost, Exchange(DEAD, "topic", internal=True)),
        ],
        "queues": [
            *(_queue(fleet_vhost, queue) for queue in QUEUES),
            *(_queue(jobs_vhost, Queue(name)) for name in (*JOB_QUEUES, DEAD_JOB_QUEUE)),
        ],
        "bindings": [
            *(_binding(fleet_vhost, binding) for binding in bindings()),
            *(_binding(jobs_vhost, Binding(JOBS, name, "queue", name)) for name in JOB_QUEUES),
            _binding(jobs_vhost, Binding(DEAD, DEAD_JOB_QUEUE, "queue", "#")),
        ],
    }


def _policies(vhost: str, policies: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    fixed = {"vhost": vhost, "apply-to": "queues", "priority": 0}
    return [{**fixed, "name": name, **policy} for name, policy in policies.items()]


def _exchange(vhost: str, exchange: Exchange) -> dict[str, Any]:
    arguments = dict(exchange.arguments)
    return _durable(vhost, exchange.name, type=exchange.type, internal=exchange.internal, arguments=arguments)


def _queue(vhost: str, queue: Queue) -> dict[str, Any]:
    return _durable(vhost, queue.name, arguments={"x-queue-type": queue.type, **queue.arguments})


def _binding(vhost: str, binding: Binding) -> dict[str, Any]:
    return {
        "vhost": vhost,
        "source": binding.source,
        "destination": binding.destination,
        "destination_type": binding.destination_type,
        "routing_key": binding.key,
        "arguments": {},
    }


def _durable(vhost: str, name: str, **more: Any) -> dict[str, Any]:
    return {"vhost": vhost, "name": name, "durable": True, "auto_delete": False, **more}


def _permissions(users: Mapping[str, str], fleet_vhost: str, jobs_vhost: str) -> list[dict[str, str]]:
    rows = [
        {"user": name, "vhost": fleet_vhost, "configure": configure, "write": write, "read": read}
        for name, (configure, write, read) in SERVER_PERMISSIONS.items()
        if name in users
    ]
    rows += [
        {"user": name, "vhost": jobs_vhost, "configure": ".*", "write": ".*", "read": ".*"}
        for name in ("jobs", "provisioner")
        if name in users
    ]
    return rows
