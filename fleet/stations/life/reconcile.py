"""Repairing differences between the stations in the database and their objects on the broker."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.core.errors import Unavailable
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.life.succession import ARCHIVE_MARK
from fleet.stations.logins.broker import BrokerAccess, BrokerState
from fleet.stations.models import Credential, Station
from message_queue import routing, topology

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Repairs:
    """Results of a run, by serial or login. `lost` cannot be repaired: those stations must enrol again."""

    rebuilt: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    silenced: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Whether broker and database agreed."""
        return not any((self.rebuilt, self.allowed, self.deleted, self.removed, self.silenced, self.lost, self.failed))


def broker_reconcile() -> Repairs:
    """Bring the broker in line with the database. Raises `BrokerUnreachable` if the broker does not answer.

    1. Ask the broker what it has, and only then the database what it should have, so that step 2 deletes nothing new.
    2. Delete logins that are revoked, unknown, or of a retired station.
    3. Rebuild exchanges, queues, bindings, rights and limits of stations that have a login.
    4. Remove exchanges and queue of retired stations.
    A login that the broker has lost cannot be recreated: only the station knows its password.
    """
    repairs = Repairs()
    with BrokerAccess.open() as broker:
        state = broker.state()
        present = dict(
            Credential.objects.filter(revoked_at=None, station__retired_at=None).values_list(
                "username", "station__serial"
            )
        )
        suspended = set(Credential.objects.exclude(station__suspended_at=None).values_list("username", flat=True))
        revoked = set(Credential.objects.exclude(revoked_at=None).values_list("username", flat=True))
        # Archived names do not exist on the broker: the objects of that serial belong to the successor.
        retired = (
            Station.objects.exclude(retired_at=None)
            .exclude(serial__contains=ARCHIVE_MARK)
            .values_list("serial", flat=True)
        )
        _logins_delete(broker, state, present, revoked, repairs)
        for username, serial in present.items():
            if username in suspended:
                _silence(broker, state, username, repairs)
            else:
                _station_repair(broker, state, username, serial, repairs)
        for serial in retired:
            exchanges = {routing.station_exchange(serial), routing.upload_exchange(serial)}
            if exchanges & state.exchanges or routing.command_queue(serial) in state.queues:
                _try(broker.station_delete, (serial,), repairs.removed, repairs)
    if not repairs.is_empty():
        _log.warning("The broker differed from the database: %s", repairs)
    return repairs


def _logins_delete(
    broker: BrokerAccess, state: BrokerState, present: dict[str, str], revoked: set[str], repairs: Repairs
) -> None:
    # Only logins that have rights in our vhost or are known as ours: another server may share the broker.
    ours = {name for name in state.permissions if routing.serial_of_user(name)} | (revoked & state.users)
    for username in sorted(ours - present.keys()):
        _try(broker.user_delete, (username,), repairs.deleted, repairs)


def _station_repair(broker: BrokerAccess, state: BrokerState, username: str, serial: str, repairs: Repairs) -> None:
    if routing.is_upload(username):
        exchange = routing.upload_exchange(serial)
        if exchange not in state.exchanges or (exchange, topology.INBOUND_OTHER, "") not in state.bindings:
            _try(broker.upload_ensure, (serial,), repairs.rebuilt, repairs)
    elif not _is_whole(state, serial):
        _try(broker.station_ensure, (serial,), repairs.rebuilt, repairs)
    if username not in state.users:
        repairs.lost.append(username)
        return
    rights = routing.login_permissions(username)
    expected = (rights["configure"], rights["write"], rights["read"])
    if state.permissions.get(username) != expected or state.limits.get(username) != topology.STATION_LIMITS:
        _try(broker.user_allow, (username,), repairs.allowed, repairs)


def _is_whole(state: BrokerState, serial: str) -> bool:
    """Whether a station has its exchange, its queue, and both bindings."""
    exchange, queue = routing.station_exchange(serial), routing.command_queue(serial)
    return (
        exchange in state.exchanges
        and queue in state.queues
        and (exchange, topology.INBOUND, "") in state.bindings
        and (topology.COMMANDS, queue, serial) in state.bindings
    )


def _silence(broker: BrokerAccess, state: BrokerState, username: str, repairs: Repairs) -> None:
    """Remove the rights of a suspended station; the broker may have been down when it was suspended."""
    if state.permissions.get(username) != ("^$", "^$", "^$") and username in state.users:
        _try(broker.user_silence, (username,), repairs.silenced, repairs)


def _try(act: Callable[..., None], arguments: tuple[str, ...], done: list[str], repairs: Repairs) -> None:
    try:
        act(*arguments)
    except BrokerUnreachable:
        raise
    except Unavailable as error:
        _log.error("%s could not be repaired on the broker: %s", arguments[-1], error)
        repairs.failed.append(arguments[-1])
    else:
        done.append(arguments[-1])
