"""A tap's objects on the broker: its queue, the bindings of its organization's events, and its login."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from fleet.forward.models import Tap
from fleet.stations.logins.broker import BrokerAccess
from message_queue import routing, topology

_PAGE_SIZE: Final = 500
#: The broker's counters of events that were read: confirmed by a reader, or sent to one that need not confirm.
_TAKEN: Final = ("ack", "deliver_no_ack", "get_no_ack")


@dataclass(frozen=True, slots=True)
class TapSeen:
    """A tap's queue as the broker counts it now. `taken`: events read since the broker started."""

    waiting: int
    waiting_bytes: int
    unconfirmed: int
    readers: int
    taken: int


@dataclass(slots=True)
class TapsThere:
    """The objects of taps in our vhost on the broker, by their names."""

    queues: set[str] = field(default_factory=set)
    #: Routing keys of each queue.
    keys: dict[str, set[str]] = field(default_factory=dict)
    #: Logins of taps on the whole broker, in any vhost, with the hash of their password.
    hashes: dict[str, str] = field(default_factory=dict)
    permissions: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    limits: dict[str, Mapping[str, int]] = field(default_factory=dict)


def secret_hash_of(secret: str) -> str:
    """A secret as RabbitMQ stores it. It is 256 random bits, so nobody can find it from its hash."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + secret.encode()).digest()).decode()


def tap_keys(tap: Tap) -> frozenset[str]:
    """Routing keys of the events that a tap gets: only its own organization's."""
    return routing.tap_keys(tap.organization.slug, tap.stations, tap.events)


class TapBroker(BrokerAccess):
    """A client of the management API, for taps."""

    def tap_ensure(self, tap: Tap) -> None:
        """Create a tap's queue, bindings and login with exactly its rights; existing ones stay. The secret is last."""
        body = topology.tap_arguments(messages=tap.messages_most, octets=tap.bytes_most, seconds=tap.seconds_most)
        self._call("PUT", f"/api/queues/{self._v}/{tap.queue}", {"durable": True, "arguments": body})
        for key in sorted(tap_keys(tap)):
            path = f"/api/bindings/{self._v}/e/{topology.FLEET_EVENTS}/q/{tap.queue}"
            self._call("POST", path, {"routing_key": key})
        # No password matches an empty hash.
        self._call("PUT", f"/api/users/{tap.queue}", {"password_hash": "", "tags": ""})
        self._call("PUT", f"/api/permissions/{self._v}/{tap.queue}", routing.tap_permissions(tap.queue))
        topic = {"exchange": topology.FLEET_EVENTS, "write": "^$", "read": "^$"}
        self._call("PUT", f"/api/topic-permissions/{self._v}/{tap.queue}", topic)
        for limit, value in topology.TAP_LIMITS.items():
            self._call("PUT", f"/api/user-limits/{tap.queue}/{limit}", {"value": value})
        self.secret_set(tap.queue, tap.secret_hash)

    def secret_set(self, queue: str, secret_hash: str) -> None:
        """Set the hash of a login's password. Open connections stay."""
        told = {"password_hash": secret_hash, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}
        self._call("PUT", f"/api/users/{queue}", told)

    def readers_disconnect(self, queue: str) -> None:
        """Close the connections of a tap's login; unconfirmed events return to the queue."""
        self._call("DELETE", f"/api/connections/username/{queue}")

    def tap_delete(self, queue: str) -> None:
        """Delete a tap's login, which closes its connections, and its queue with the events in it."""
        self._call("DELETE", f"/api/users/{queue}")
        self._call("DELETE", f"/api/queues/{self._v}/{queue}")

    def taps_there(self) -> TapsThere:
        """Everything the broker has of taps: always five lists."""
        there = TapsThere()
        queues = self._list(f"/api/queues/{self._v}?columns=name&disable_stats=true")
        there.queues = {row["name"] for row in queues if routing.is_tap(row["name"])}
        for row in self._list(f"/api/exchanges/{self._v}/{topology.FLEET_EVENTS}/bindings/source"):
            there.keys.setdefault(row["destination"], set()).add(row["routing_key"])
        there.permissions = {
            row["user"]: (row["configure"], row["write"], row["read"])
            for row in self._list(f"/api/vhosts/{self._v}/permissions")
            if routing.is_tap(row["user"])
        }
        users = self._list("/api/users?columns=name,password_hash")
        there.hashes = {row["name"]: row["password_hash"] for row in users if routing.is_tap(row["name"])}
        there.limits = {row["user"]: row["value"] for row in self._list("/api/user-limits")}
        return there

    def taps_seen(self) -> dict[str, TapSeen]:
        """The queues of all taps with their numbers, some seconds old."""
        seen: dict[str, TapSeen] = {}
        columns = "name,messages_ready,messages_unacknowledged,message_bytes_ready,consumers,message_stats"
        page = pages = 1
        while page <= pages:
            asked = f"page={page}&page_size={_PAGE_SIZE}&name={quote('^tap[.]')}&use_regex=true&columns={columns}"
            told: Any = self._list(f"/api/queues/{self._v}?{asked}")
            pages, page = int(told["page_count"]), page + 1
            for row in told["items"]:
                counted = row.get("message_stats") or {}
                seen[row["name"]] = TapSeen(
                    waiting=int(row.get("messages_ready") or 0),
                    waiting_bytes=int(row.get("message_bytes_ready") or 0),
                    unconfirmed=int(row.get("messages_unacknowledged") or 0),
                    readers=int(row.get("consumers") or 0),
                    taken=sum(int(counted.get(name) or 0) for name in _TAKEN),
                )
        return seen
