"""The people in these tests, logins tried on the real broker, and a gate in front of its management API."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pika
import pytest
from django.conf import settings as django_settings
from people import elsewhere, english, institute, no_counters, operator, owner, stranger, viewer
from pika.exceptions import AMQPConnectionError
from waiting import PATIENCE_S

from fleet.stations.life.reconcile import broker_reconcile
from fleet.stations.logins.enrolment import Grant
from message_queue import topology

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


class Gate:
    """A proxy in front of the management API, which forwards the requests that `decide` accepts, in order of arrival."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.calls: list[tuple[str, str]] = []
        self.decide: Callable[[int, str, str, str], bool] = lambda *_: True
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                gate.calls.append((self.command, self.path))
                if not gate.decide(len(gate.calls), self.command, self.path, body.decode()):
                    self.close_connection = True
                    return
                answer = httpx.request(
                    self.command,
                    gate.behind + self.path,
                    content=body,
                    headers={"Authorization": self.headers["Authorization"], "Content-Type": "application/json"},
                    trust_env=False,
                )
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE_S)


@pytest.fixture
def gate(settings) -> Iterator[Gate]:
    made = Gate(settings.ROOST_MANAGEMENT_URL)
    settings.ROOST_MANAGEMENT_URL = made.address
    yield made
    made.close()


@pytest.fixture
def management(stack) -> Iterator[httpx.Client]:
    with stack.rabbitmq.management() as client:
        yield client


@pytest.fixture
def inbound_empty(settings, management) -> Iterator[None]:
    """Empty the inbound queues before and after the test, so that they hold only its messages."""

    def purge() -> None:
        for queue in topology.INBOUND_QUEUES:
            management.delete(f"/api/queues/{settings.ROOST_FLEET_VHOST}/{queue}/contents").raise_for_status()

    purge()
    yield
    purge()


def connection_open(stack, username: str, password: str) -> pika.BlockingConnection:
    """A connection over the broker's plain port, with this login."""
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            "127.0.0.1",
            stack.ports["amqp"],
            django_settings.ROOST_FLEET_VHOST,
            pika.PlainCredentials(username, password),
            socket_timeout=PATIENCE_S,
            stack_timeout=PATIENCE_S,
        )
    )


@pytest.fixture
def connect(stack) -> Iterator[Callable[[Grant], pika.BlockingConnection]]:
    """Open a station's connection with its grant."""
    opened: list[pika.BlockingConnection] = []

    def open_one(grant: Grant) -> pika.BlockingConnection:
        opened.append(connection_open(stack, grant.username, grant.password))
        return opened[-1]

    yield open_one
    for connection in opened:
        if connection.is_open:
            connection.close()


@pytest.fixture
def works(stack) -> Callable[[str, str], bool]:
    """Whether a login can open a connection to our vhost."""

    def try_it(username: str, password: str) -> bool:
        try:
            connection_open(stack, username, password).close()
        except AMQPConnectionError:
            return False
        return True

    return try_it


@pytest.fixture
def agreed(db) -> None:
    """Remove what earlier tests left on the broker, because it belongs to no station here."""
    broker_reconcile()
