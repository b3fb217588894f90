"""Connections to the broker for reading what stations send. Closing one does not wait for a hanging broker."""

import contextlib
from urllib.parse import unquote, urlsplit

import amqp

from workers.consumers.frames import StationConnection

HEARTBEAT_S = 30
#: Errors that py-amqp raises while the broker is away.
AMQP_ERRORS = (amqp.exceptions.AMQPError, OSError)


def station_connect(url: str, *, name: str) -> StationConnection:
    """Open a connection under this name. Raises `AMQP_ERRORS`."""
    parts = urlsplit(url)
    connection = StationConnection(
        host=f"{parts.hostname}:{parts.port or 5672}",
        userid=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        virtual_host=unquote(parts.path[1:]) or "/",
        heartbeat=HEARTBEAT_S,
        connect_timeout=10,
        client_properties={"connection_name": name},
    )
    connection.connect()
    return connection


def station_close(connection: amqp.Connection | None) -> None:
    """Close the connection, if there is one."""
    if connection is not None:
        with contextlib.suppress(*AMQP_ERRORS):
            # A short timeout: a broker that hangs must not block the shutdown.
            if connection.transport is not None and connection.transport.sock is not None:
                connection.transport.wait_for(2.0)
            connection.close()
