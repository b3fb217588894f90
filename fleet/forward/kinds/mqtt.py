"""MQTT 3.1.1: each row is a message at QoS 1, done when the broker has confirmed it."""

import json
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import PostRefused, PostUnsent, public_addresses, unreached_words
from fleet.forward.kinds.base import (
    ForwardDetection,
    ForwarderKind,
    ForwardError,
    ForwardRow,
    ForwardTarget,
    Receipt,
    Setting,
)
from fleet.forward.kinds.clients.told import detection_told, place_and_marks

#: Seconds for a connection to one address, for the broker's welcome, and for all confirmations.
_CONNECT_S, _WELCOME_S, _CONFIRM_S = 4.0, 6.0, 8.0
#: Seconds; also the limit for the TLS handshake.
_KEEPALIVE_S: Final = 10
_PORT_MOST = 65_535
_TLS = frozenset({"yes", "no"})


def send(rows: Sequence[ForwardRow], target: ForwardTarget) -> Receipt:
    """Publish the readings in order, and wait until the broker has confirmed them."""
    return _publish([(topic_of(row, target.settings["prefix"]), payload_of(row)) for row in rows], target)


def send_detections(rows: Sequence[ForwardDetection], target: ForwardTarget) -> Receipt:
    """Publish the detections in order, and wait until the broker has confirmed them."""
    prefix = target.settings["prefix"]
    return _publish([(detection_topic_of(row, prefix), detection_payload_of(row)) for row in rows], target)


def test(target: ForwardTarget) -> None:
    """Connect and log in. The broker does not say before a message comes whether it allows the topics."""
    _publish([], target)


def _publish(messages: Sequence[tuple[str, str]], target: ForwardTarget) -> Receipt:
    client = _Connection(target)
    try:
        client.open()
        return client.publish_all(messages)
    finally:
        client.close()


class _CheckedClient(Client):
    """A client that connects only to checked addresses, but still verifies the certificate against the name."""

    addresses: Sequence[str] = ()

    def _create_socket_connection(self) -> socket.socket:
        failure: OSError = OSError("no address")
        for address in self.addresses:
            try:
                return socket.create_connection((address, self._port), timeout=_CONNECT_S)
            except OSError as error:
                failure = error
        raise failure


class _Connection:
    """One connection for one call, with its answers."""

    def __init__(self, target: ForwardTarget) -> None:
        settings = self._settings = target.settings
        self._welcome, self._refusal = threading.Event(), ""
        self._confirmed: set[int] = set()
        self._changed = threading.Condition()
        self._is_lost = False
        client = _CheckedClient(
            CallbackAPIVersion.VERSION2, client_id=f"roost-{target.name}", protocol=MQTTv311, reconnect_on_failure=False
        )
        if settings["user"]:
            client.username_pw_set(settings["user"], settings["password"] or None)
        if settings["tls"] == "yes":
            client.tls_set_context(ssl.create_default_context())
        client.on_connect, client.on_disconnect, client.on_publish = (
            self._connected,
            self._disconnected,
            self._published,
        )
        self._client = client

    def open(self) -> None:
        """Connect and log in. Raises `ForwardError`."""
        host, port = self._settings["host"], int(self._settings["port"])
        try:
            self._client.addresses = public_addresses(host, port)
            self._client.connect(host, port, keepalive=_KEEPALIVE_S)
        except (PostRefused, PostUnsent) as error:
            raise ForwardError(str(error)) from error
        except (OSError, ValueError) as error:
            raise ForwardError(unreached_words(host, error)) from error
        self._client.loop_start()
        if not self._welcome.wait(_WELCOME_S):
            raise ForwardError(
                _("The broker did not answer in time: check the port, and whether it is encrypted there.")
            )
        if self._refusal:
            raise ForwardError(_("The broker refused the login: %(words)s.") % {"words": self._refusal})

    def publish_all(self, messages: Sequence[tuple[str, str]]) -> Receipt:
        """Publish all (topic, payload), and wait. Raises `ForwardError`; its `done` counts the first ones confirmed."""
        numbers = [self._client.publish(topic, payload, qos=1).mid for topic, payload in messages]
        with self._changed:
            self._changed.wait_for(lambda: self._is_lost or self._confirmed.issuperset(numbers), timeout=_CONFIRM_S)
            open_ones = [place for place, number in enumerate(numbers) if number not in self._confirmed]
        if open_ones:
            raise ForwardError(
                _("The connection to the broker broke.") if self._is_lost else _("The broker confirms too slowly."),
                done=open_ones[0],
            )
        return Receipt()

    def close(self) -> None:
        """Disconnect, and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(
        self, _client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._refusal = str(code) if code.is_failure else ""
        self._welcome.set()

    def _disconnected(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._changed:
            self._is_lost = True
            self._changed.notify_all()
        if not self._welcome.is_set():
            self._refusal = str(code)
            self._welcome.set()

    def _published(
        self, _client: Client, _data: Any, number: int, _code: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._changed:
            self._confirmed.add(number)
            self._changed.notify_all()


def topic_of(row: ForwardRow, prefix: str) -> str:
    """`prefix/station/series`; a slash in the series makes levels, and special characters are percent-encoded."""
    return f"{prefix.strip('/') or 'roost'}/{quote(row.station, safe=' ')}/{quote(row.series, safe='/ []%')}"


def payload_of(row: ForwardRow) -> str:
    """The reading as JSON."""
    told = {"id": row.id, "value": row.value, "unit": row.unit, "at": row.at.isoformat()}
    return json.dumps({**told, **place_and_marks(row)}, ensure_ascii=False)


def detection_topic_of(row: ForwardDetection, prefix: str) -> str:
    """`prefix/station/detections/port`."""
    return f"{prefix.strip('/') or 'roost'}/{quote(row.station, safe=' ')}/detections/{row.port}"


def detection_payload_of(row: ForwardDetection) -> str:
    """The detection as JSON."""
    told = {"id": row.id, **detection_told(row), "at": row.at.isoformat()}
    return json.dumps({**told, **place_and_marks(row)}, ensure_ascii=False)


def _check(settings: Mapping[str, str]) -> None:
    port = settings["port"]
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= _PORT_MOST):
        raise InvalidInput(_("Enter a port, such as 8883."), field="port")
    if settings["tls"] not in _TLS:
        raise InvalidInput(_("Choose yes or no."), field="tls")
    if any(letter in settings["host"] for letter in "/:@ "):
        raise InvalidInput(_("Enter only the name of the broker's machine."), field="host")
    if any(letter in settings["prefix"] for letter in "+#$"):
        raise InvalidInput(_("A topic cannot have +, # or $."), field="prefix")


KIND = ForwarderKind(
    name="mqtt",
    label=gettext_lazy("MQTT broker"),
    settings=(
        Setting("host", gettext_lazy("Broker"), gettext_lazy("The name of its machine.")),
        Setting("port", gettext_lazy("Port"), initial="8883"),
        Setting(
            "tls",
            gettext_lazy("Encrypted"),
            initial="yes",
            choices=(("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))),
        ),
        Setting("user", gettext_lazy("User"), is_required=False),
        Setting("password", gettext_lazy("Password"), is_secret=True, is_required=False),
        Setting(
            "prefix",
            gettext_lazy("Beginning of topics"),
            gettext_lazy("Station and series follow, or station, “detections” and port."),
            is_required=False,
            initial="roost",
        ),
    ),
    send=send,
    send_detections=send_detections,
    test=test,
    check=_check,
    shown=lambda settings: f"{settings['host']}:{settings['port']}",
    repeats=gettext_lazy("MQTT cannot drop repeats: a row that comes twice has the same id."),
    rows_most=200,
)
