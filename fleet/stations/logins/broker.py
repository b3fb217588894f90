"""A station's objects on the broker (exchange, queue, bindings, login), managed through the management API."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.errors import Unavailable
from fleet.stations.errors import BrokerUnreachable
from message_queue import routing, topology

#: Timeout of one call, in seconds: the API answers in milliseconds, and a person is waiting.
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
#: Timeout of a call that lists a whole fleet, in seconds.
_LIST_TIMEOUT = httpx.Timeout(60.0, connect=3.0)
_NOT_FOUND = 404

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BrokerState:
    """Objects of the broker for stations in our vhost, by serial or by login."""

    exchanges: frozenset[str]
    queues: frozenset[str]
    #: (source, destination, routing key)
    bindings: frozenset[tuple[str, str, str]]
    #: Login -> (configure, write, read).
    permissions: Mapping[str, tuple[str, str, str]]
    users: frozenset[str]
    limits: Mapping[str, Mapping[str, int]]


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificate authorities, loaded once because it takes 30 ms."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class BrokerLoad:
    """The broker's current load."""

    waiting: int
    has_alarm: bool


@dataclass(frozen=True, slots=True)
class BrokerNode:
    """The condition of one broker node."""

    name: str
    #: `memory`, `disk`: while any alarm is on, no node accepts messages.
    alarms: tuple[str, ...]
    #: Running nodes that this one cannot see.
    partitions: tuple[str, ...]


def broker_ca_pem() -> str:
    """The certificate authority that signed the broker's certificate; empty if clients trust it anyway."""
    return Path(settings.ROOST_CA_FILE).read_text(encoding="ascii") if settings.ROOST_CA_FILE else ""


class BrokerAccess:
    """A client of the management API, for one operation."""

    def __init__(self, client: httpx.Client, vhost: str) -> None:
        self._client = client
        self._v = quote(vhost, safe="")

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """A client with the server's settings; its calls raise `BrokerUnreachable` and `Unavailable`."""
        with httpx.Client(
            base_url=settings.ROOST_MANAGEMENT_URL,
            auth=(settings.ROOST_MANAGEMENT_USER, settings.ROOST_MANAGEMENT_PASSWORD),
            timeout=_TIMEOUT,
            # A proxy from the environment must never see the password of the broker's administrator.
            trust_env=False,
            verify=_certificates(),
        ) as client:
            yield cls(client, settings.ROOST_FLEET_VHOST)

    def station_ensure(self, serial: str) -> None:
        """Create a station's exchange, queue and bindings; existing ones stay."""
        exchange, queue = routing.station_exchange(serial), routing.command_queue(serial)
        self._call("PUT", f"/api/exchanges/{self._v}/{exchange}", {"type": "fanout", "durable": True})
        self._call(
            "PUT",
            f"/api/queues/{self._v}/{queue}",
            {"durable": True, "arguments": {"x-queue-type": "classic"}},
        )
        self._call("POST", f"/api/bindings/{self._v}/e/{exchange}/e/{topology.INBOUND}", {"routing_key": ""})
        self._call("POST", f"/api/bindings/{self._v}/e/{topology.COMMANDS}/q/{queue}", {"routing_key": serial})

    def upload_ensure(self, serial: str) -> None:
        """Create the exchange for a desk's uploads of station files; every routing key leads to the bulk lane."""
        exchange = routing.upload_exchange(serial)
        self._call("PUT", f"/api/exchanges/{self._v}/{exchange}", {"type": "fanout", "durable": True})
        self._call("POST", f"/api/bindings/{self._v}/e/{exchange}/e/{topology.INBOUND_OTHER}", {"routing_key": ""})

    def user_make(self, username: str, password: str) -> None:
        """Create a login in a safe order: without rights, then its rights and limits, and its password last."""
        # No password matches an empty hash.
        self._call("PUT", f"/api/users/{username}", {"password_hash": "", "tags": ""})
        nothing = {"configure": "^$", "write": "^$", "read": "^$"}
        self._call("PUT", f"/api/permissions/{self._v}/{username}", nothing)
        self.user_allow(username)
        self._call("PUT", f"/api/users/{username}", {"password": password, "tags": ""})

    def user_allow(self, username: str) -> None:
        """Give a login exactly the rights and limits that belong to its name."""
        self._call("PUT", f"/api/permissions/{self._v}/{username}", routing.login_permissions(username))
        for limit, value in topology.STATION_LIMITS.items():
            self._call("PUT", f"/api/user-limits/{username}/{limit}", {"value": value})

    def user_silence(self, username: str) -> None:
        """Remove a login's rights and close its connections: an open channel would keep its old rights."""
        nothing = {"configure": "^$", "write": "^$", "read": "^$"}
        self._call("PUT", f"/api/permissions/{self._v}/{username}", nothing)
        self._call("DELETE", f"/api/connections/username/{username}")

    def user_delete(self, username: str) -> None:
        """Delete a login, which closes its connections at once. Deleting a missing one is no error."""
        self._call("DELETE", f"/api/users/{username}")

    def station_delete(self, serial: str) -> None:
        """Delete a station's exchanges and its command queue, including the commands in it."""
        self._call("DELETE", f"/api/exchanges/{self._v}/{routing.station_exchange(serial)}")
        self._call("DELETE", f"/api/exchanges/{self._v}/{routing.upload_exchange(serial)}")
        self._call("DELETE", f"/api/queues/{self._v}/{routing.command_queue(serial)}")

    def commands_purge(self, serial: str) -> None:
        """Delete the commands waiting in a station's queue; one already delivered to it stays."""
        self._call("DELETE", f"/api/queues/{self._v}/{routing.command_queue(serial)}/contents")

    def is_connected(self, username: str) -> bool:
        """Whether a login has an open connection."""
        return bool(self._list(f"/api/connections/username/{username}"))

    def state(self) -> BrokerState:
        """Everything the broker has for stations: always six lists, however many stations there are."""
        exchanges = self._list(f"/api/exchanges/{self._v}?columns=name")
        queues = self._list(f"/api/queues/{self._v}?columns=name&disable_stats=true")
        bindings = self._list(f"/api/bindings/{self._v}")
        rights = self._list(f"/api/vhosts/{self._v}/permissions")
        users = self._list("/api/users?columns=name")
        limits = self._list("/api/user-limits")
        return BrokerState(
            exchanges=frozenset(row["name"] for row in exchanges),
            queues=frozenset(row["name"] for row in queues),
            bindings=frozenset((row["source"], row["destination"], row["routing_key"]) for row in bindings),
            permissions={row["user"]: (row["configure"], row["write"], row["read"]) for row in rights},
            users=frozenset(row["name"] for row in users),
            limits={row["user"]: row["value"] for row in limits},
        )

    def load(self) -> BrokerLoad:
        """The number of messages waiting for ingest, and whether an alarm blocks publishers."""
        queues = self._list(f"/api/queues/{self._v}?columns=name,messages")
        waiting = {row["name"]: int(row.get("messages") or 0) for row in queues}
        return BrokerLoad(
            sum(waiting.get(name, 0) for name in topology.INBOUND_QUEUES),
            has_alarm=any(node.alarms for node in self.nodes()),
        )

    def nodes(self) -> list[BrokerNode]:
        """The nodes with their problems."""
        return [
            BrokerNode(
                row["name"],
                tuple(what for what, key in (("memory", "mem_alarm"), ("disk", "disk_free_alarm")) if row.get(key)),
                tuple(row.get("partitions") or ()),
            )
            for row in self._list("/api/nodes?columns=name,mem_alarm,disk_free_alarm,partitions")
        ]

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self._send("GET", path, None, _LIST_TIMEOUT)
        try:
            rows: list[dict[str, Any]] = answer.json()
        except ValueError as error:
            raise BrokerUnreachable(_("The broker's management API did not answer with JSON.")) from error
        return rows

    def _call(self, method: str, path: str, body: Arguments | None = None) -> None:
        self._send(method, path, body, _TIMEOUT)

    def _send(self, method: str, path: str, body: Arguments | None, timeout: httpx.Timeout) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise BrokerUnreachable(
                _("The broker's management API does not answer (%(why)s). Try again when it does.")
                % {"why": type(error).__name__}
            ) from error
        if answer.status_code == _NOT_FOUND and method == "DELETE":
            return answer
        if answer.is_server_error:
            raise BrokerUnreachable(
                _("The broker's management API failed (%(status)d). Try again when it has recovered.")
                % {"status": answer.status_code}
            )
        if answer.is_error:
            raise Unavailable(
                _("The broker refused %(method)s %(path)s (%(status)d): %(why)s")
                % {"method": method, "path": path, "status": answer.status_code, "why": answer.text[:300]}
            )
        return answer
