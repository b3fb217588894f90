"""Names on the broker as pure functions of a station's serial.

A serial on the broker has only letters, digits, hyphen and underscore: a dot or a wildcard in it would let one
station's permission match another station's name.
"""

import re

from message_queue.errors import SerialNotAllowed

FLEET_VHOST = "fleet"
JOBS_VHOST = "jobs"

#: Ends the routing key of what lay on the station for a while: it goes to the bulk lane, behind what is fresh.
LATE = ".late"

_SERIAL = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_STATION_EXCHANGE = re.compile(r"(?:in|up)\.([A-Za-z0-9_-]{1,64})\Z")
_STATION_USER = re.compile(r"(?:st|up)\.([A-Za-z0-9_-]{1,64})\.([0-9]{1,9})\Z")
_UPLOAD = "up."


def serial_check(serial: str) -> str:
    """Return the serial when the broker may see it; raise `SerialNotAllowed` otherwise."""
    if not _SERIAL.match(serial):
        raise SerialNotAllowed(serial)
    return serial


def station_exchange(serial: str) -> str:
    """The fanout exchange that only this station may write to: `in.<serial>`."""
    return f"in.{serial_check(serial)}"


def upload_exchange(serial: str) -> str:
    """The fanout exchange that only a desk with this station's card may write to: `up.<serial>`."""
    return f"{_UPLOAD}{serial_check(serial)}"


def is_upload(name: str) -> bool:
    """Whether an exchange or a login is a desk's, not the station's own. The broker lets neither use the other's."""
    return name.startswith(_UPLOAD)


def command_queue(serial: str) -> str:
    """The queue from which only this station reads: `cmd.<serial>`."""
    return f"cmd.{serial_check(serial)}"


def station_user(serial: str, generation: int) -> str:
    """The broker login of one generation of a station's credentials: `st.<serial>.<generation>`."""
    return f"st.{serial_check(serial)}.{generation}"


def upload_user(serial: str, generation: int) -> str:
    """The broker login of a desk that uploads a station's files: `up.<serial>.<generation>`."""
    return f"{_UPLOAD}{serial_check(serial)}.{generation}"


def message_key(kind: str, *, is_late: bool) -> str:
    """The routing key of a message: its kind, and whether it comes behind what is fresh."""
    return kind + LATE if is_late else kind


def kind_of_key(key: str) -> str:
    """The kind that a routing key names."""
    return key.removesuffix(LATE)


def serial_of_exchange(exchange: str) -> str | None:
    """The serial whose exchange this is, for the station or a desk; None for an exchange that is no station's."""
    match = _STATION_EXCHANGE.match(exchange)
    return match.group(1) if match else None


def serial_of_user(user: str) -> str | None:
    """The serial whose broker login this is, the station's or a desk's; None for a login that is no station's."""
    match = _STATION_USER.match(user)
    return match.group(1) if match else None


def station_permissions(serial: str) -> dict[str, str]:
    """RabbitMQ permissions of one station as regular expressions: configure nothing, write its exchange, read its queue."""
    escaped = re.escape(serial_check(serial)).replace(r"\-", "-")
    return {"configure": "^$", "write": rf"^in\.{escaped}$", "read": rf"^cmd\.{escaped}$"}


def upload_permissions(serial: str) -> dict[str, str]:
    """RabbitMQ permissions of a desk's login: write its own exchange, and nothing else."""
    escaped = re.escape(serial_check(serial)).replace(r"\-", "-")
    return {"configure": "^$", "write": rf"^up\.{escaped}$", "read": "^$"}


def login_permissions(user: str) -> dict[str, str]:
    """RabbitMQ permissions of a login by its name. Raises `SerialNotAllowed` for a name that is no station's login."""
    serial = serial_of_user(user)
    if serial is None:
        raise SerialNotAllowed(user)
    return upload_permissions(serial) if is_upload(user) else station_permissions(serial)


def event_key(organization: str, serial: str, event: str) -> str:
    """Routing key on `fleet.events`: `<organization>.<serial>.<event>`."""
    return f"{organization}.{serial_check(serial)}.{event}"
