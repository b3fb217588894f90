"""Names on the broker, as pure functions of a station's serial.

A serial may contain only letters, digits, hyphens and underscores: with a dot or wildcard, one station's permissions
could match another station's names.
"""

import re
from collections.abc import Collection
from functools import lru_cache

from message_queue.errors import SerialNotAllowed

FLEET_VHOST = "fleet"
JOBS_VHOST = "jobs"

#: Routing key suffix of messages that waited on the station for a while: they take the bulk lane, behind fresh ones.
LATE = ".late"

_SERIAL = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_STATION_EXCHANGE = re.compile(r"(?:in|up)\.([A-Za-z0-9_-]{1,64})\Z")
_STATION_USER = re.compile(r"(?:st|up)\.([A-Za-z0-9_-]{1,64})\.([0-9]{1,9})\Z")
_UPLOAD = "up."
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")
_TAP = re.compile(r"tap\.[0-9a-f]{16}\Z")


def serial_check(serial: str) -> str:
    """Return the serial if it is allowed in broker names; raise `SerialNotAllowed` otherwise."""
    if not _SERIAL.match(serial):
        raise SerialNotAllowed(serial)
    return serial


def station_exchange(serial: str) -> str:
    """The fanout exchange that only this station can write to: `in.<serial>`."""
    return f"in.{serial_check(serial)}"


def upload_exchange(serial: str) -> str:
    """The fanout exchange that only a desk computer with this station's card can write to: `up.<serial>`."""
    return f"{_UPLOAD}{serial_check(serial)}"


def is_upload(name: str) -> bool:
    """Whether an exchange or login belongs to a desk computer, not to the station. The broker keeps the two apart."""
    return name.startswith(_UPLOAD)


def command_queue(serial: str) -> str:
    """The queue that only this station reads: `cmd.<serial>`."""
    return f"cmd.{serial_check(serial)}"


def station_user(serial: str, generation: int) -> str:
    """The broker login of one generation of a station's credentials: `st.<serial>.<generation>`."""
    return f"st.{serial_check(serial)}.{generation}"


def upload_user(serial: str, generation: int) -> str:
    """The broker login of a desk computer that uploads a station's files: `up.<serial>.<generation>`."""
    return f"{_UPLOAD}{serial_check(serial)}.{generation}"


def message_key(kind: str, *, is_late: bool) -> str:
    """The routing key of a message: its kind, with a suffix if it is late."""
    return kind + LATE if is_late else kind


def kind_of_key(key: str) -> str:
    """The message kind in a routing key."""
    return key.removesuffix(LATE)


@lru_cache(maxsize=16_384)
def serial_of_exchange(exchange: str) -> str | None:
    """The serial of a station's or desk computer's exchange; None for any other exchange."""
    match = _STATION_EXCHANGE.match(exchange)
    return match.group(1) if match else None


def serial_of_user(user: str) -> str | None:
    """The serial of a station's or desk computer's broker login; None for any other login."""
    match = _STATION_USER.match(user)
    return match.group(1) if match else None


def station_permissions(serial: str) -> dict[str, str]:
    """RabbitMQ permissions of a station, as regular expressions: write its exchange, read its queue, no more."""
    escaped = re.escape(serial_check(serial)).replace(r"\-", "-")
    return {"configure": "^$", "write": rf"^in\.{escaped}$", "read": rf"^cmd\.{escaped}$"}


def upload_permissions(serial: str) -> dict[str, str]:
    """RabbitMQ permissions of a desk computer's login: write its own exchange, nothing else."""
    escaped = re.escape(serial_check(serial)).replace(r"\-", "-")
    return {"configure": "^$", "write": rf"^up\.{escaped}$", "read": "^$"}


def login_permissions(user: str) -> dict[str, str]:
    """RabbitMQ permissions of a login, by its name. Raises `SerialNotAllowed` if it is not a station's login."""
    serial = serial_of_user(user)
    if serial is None:
        raise SerialNotAllowed(user)
    return upload_permissions(serial) if is_upload(user) else station_permissions(serial)


def tap_name(number: str) -> str:
    """The queue of a tap, and its only login: `tap.<16 hexadecimal digits>`. The digits are random and tell nothing."""
    return tap_check(f"tap.{number}")


def tap_check(name: str) -> str:
    """Return a tap's name if it is one; raise `ValueError` otherwise."""
    if not _TAP.match(name):
        raise ValueError(name)
    return name


def is_tap(name: str) -> bool:
    """Whether a queue or login has the name of a tap."""
    return _TAP.match(name) is not None


def tap_permissions(name: str) -> dict[str, str]:
    """RabbitMQ permissions of a tap's login: read its own queue, nothing else."""
    return {"configure": "^$", "write": "^$", "read": "^" + tap_check(name).replace(".", r"\.") + "$"}


def tap_keys(organization: str, serials: Collection[str], events: Collection[str]) -> frozenset[str]:
    """Routing keys of an organization's events, only from these stations and with these names; empty means all.

    A slug and a serial have no dot or wildcard, so no key reaches another organization.
    """
    if not _SLUG.match(organization):
        raise ValueError(organization)
    if not serials and not events:
        return frozenset({f"{organization}.#"})
    return frozenset(
        f"{organization}.{serial_check(serial) if serial else '*'}.{event or '*'}"
        for serial in serials or ("",)
        for event in events or ("",)
    )
