"""What a station has on the broker (exchange, queue, bindings, login), made and removed through the management API."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from urllib.parse import quote

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from fleet.stations.errors import BrokerRefused, BrokerUnreachable
from message_queue import routing, topology

#: Seconds for one call: the API answers in milliseconds, and a person waits at the other end.
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
#: Seconds for lists of a whole fleet.
_LIST_TIMEOUT = httpx.Timeout(60.0, connect=3.0)
_NOT_FOUND = 404

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What the broker has for stations in our vhost, by serial or by login."""

    exchanges: frozenset[str]
    queues: frozenset[str]
    #: (source, destination, routing key)
    bindings: frozenset[tuple[str, str, str]]
    #: Login to (configure, write, read).
    permissions: Mapping[str, tuple[str, str, str]]
    users: frozenset[str]
    limits: Mapping[str, Mapping[str, int]]


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities that are trusted, read once: it takes 30 ms."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class BrokerLoad:
    """What the broker has to carry now."""

    waiting: int
    has_alarm: bool


@dataclass(frozen=True, slots=True)
class BrokerNode:
    """How one node of the broker is."""

    name: str
    #: `memory`, `disk`: while one stands, no node takes messages.
    alarms: tuple[str, ...]
    #: Nodes that this one does not see although they run.
    partitions: tuple[str, ...]


class BrokerAccess:
    """A client of the management API, for one operation."""

    def __init__(self, client: httpx.Client, vhost: str) -> None:
        self._client = client
        self._vhost = vhost
        self._v = quote(vhost, safe="")

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """A client with the server's own settings; raises `BrokerUnreachable` from its calls."""
        with httpx.Client(
            base_url=settings.ROOST_MANAGEMENT_URL,
            auth=(settings.ROOST_MANAGEMENT_USER, settings.ROOST_MANAGEMENT_PASSWORD),
            timeout=_TIMEOUT,
            # A proxy of the surroundings must never see the broker's administrator.
            trust_env=False,
            verify=_certificates(),
        ) as client:
            yield cls(client, settings.ROOST_FLEET_VHOST)

    def station_ensure(self, serial: str) -> None:
        """Exchange, queue and bindings of a station; what is there already stays."""
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
        """The exchange through which a desk uploads a station's files, into the bulk lane whatever its keys say."""
        exchange = routing.upload_exchange(serial)
        self._call("PUT", f"/api/exchanges/{self._v}/{exchange}", {"type": "fanout", "durable": True})
        self._call("POST", f"/api/bindings/{self._v}/e/{exchange}/e/{topology.INBOUND_OTHER}", {"routing_key": ""})

    def user_make(self, username: str, password: str) -> None:
        """A login in the safe order: no rights first, its rights, its limits, and its password last."""
        # An empty hash is a login that no password opens.
        self._call("PUT", f"/api/users/{username}", {"password_hash": "", "tags": ""})
        nothing = {"configure": "^$", "write": "^$", "read": "^$"}
        self._call("PUT", f"/api/permissions/{self._v}/{username}", nothing)
        self.user_allow(username)
        self._call("PUT", f"/api/users/{username}", {"password": password, "tags": ""})

    def user_allow(self, username: str) -> None:
        """Give a login exactly the rights and limits that its name stands for."""
        self._call("PUT", f"/api/permissions/{self._v}/{username}", routing.login_permissions(username))
        for limit, value in topology.STATION_LIMITS.items():
            self._call("PUT", f"/api/user-limits/{username}/{limit}", {"value": value})

    def user_silence(self, username: str) -> None:
        """Take a login's rights and close its connections: an open channel would keep the rights that it had."""
        nothing = {"configure": "^$", "write": "^$", "read": "^$"}
        self._call("PUT", f"/api/permissions/{self._v}/{username}", nothing)
        self._call("DELETE", f"/api/connections/username/{username}")

    def user_delete(self, username: str) -> None:
        """Delete a login, which closes its live connections at once. One that is gone already is no error."""
        self._call("DELETE", f"/api/users/{username}")

    def station_delete(self, serial: str) -> None:
        """Remove a station's exchanges and command queue, with what waits in it."""
        self._call("DELETE", f"/api/exchanges/{self._v}/{routing.station_exchange(serial)}")
        self._call("DELETE", f"/api/exchanges/{self._v}/{routing.upload_exchange(serial)}")
        self._call("DELETE", f"/api/queues/{self._v}/{routing.command_queue(serial)}")

    def commands_purge(self, serial: str) -> None:
        """Remove the commands that wait in a station's queue; one that it has in hand stays."""
        self._call("DELETE", f"/api/queues/{self._v}/{routing.command_queue(serial)}/contents")

    def is_connected(self, username: str) -> bool:
        """Whether a login has a connection open."""
        return bool(self._list(f"/api/connections/username/{username}"))

    def state(self) -> BrokerState:
        """Everything that the broker has for stations; five lists, however many stations there are."""
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
        """How many messages wait for ingest, and whether an alarm blocks publishers."""
        queues = self._list(f"/api/queues/{self._v}?columns=name,messages")
        waiting = {row["name"]: int(row.get("messages") or 0) for row in queues}
        return BrokerLoad(
            sum(waiting.get(name, 0) for name in topology.INBOUND_QUEUES),
            has_alarm=any(node.alarms for node in self.nodes()),
        )

    def nodes(self) -> list[BrokerNode]:
        """The nodes with what is wrong with them."""
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
            raise BrokerUnreachable(_("The broker's management API did not answer in JSON.")) from error
        return rows

    def _call(self, method: str, path: str, body: Arguments | None = None) -> None:
        self._send(method, path, body, _TIMEOUT)

    def _send(self, method: str, path: str, body: Arguments | None, timeout: httpx.Timeout) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise BrokerUnreachable(
                _("The broker's management API does not answer (%(why)s). Try again when it is back.")
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
            raise BrokerRefused(
                _("The broker refused %(method)s %(path)s (%(status)d): %(why)s")
                % {"method": method, "path": path, "status": answer.status_code, "why": answer.text[:300]}
            )
        return answer
