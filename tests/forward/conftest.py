"""The people in these tests, rows that arrive through the pipeline, and receivers whose answers a test sets."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from people import elsewhere, english, institute, no_counters, operator, owner, station_of, stranger, viewer

from fleet.core import clock
from fleet.forward import lanes
from fleet.forward.lanes import lane_run
from fleet.forward.models import Forwarder
from fleet.forward.services import RowChoice, forwarder_add
from fleet.ingest import pipeline as pipelines
from fleet.ingest.delivery import Delivery
from fleet.ingest.pipeline import Pipeline

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


class Receiver:
    """An HTTP server that records its requests. `answer` gets method, path, query, headers and body.

    It returns a status, or a status with a body or headers; `hang` lets the request hang, `drop` breaks the connection.
    """

    def __init__(self, port: int = 0) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer = lambda _method, _path, _query, _headers, _body: 204
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.seen.append((self.command, self.path, dict(self.headers), body))
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                told = receiver.answer(self.command, parts.path, query, self.headers, body)
                status, content, headers = (*told, {})[:3] if isinstance(told, tuple) else (told, None, {})
                if status == "hang":
                    receiver.released.wait(60)
                    self.close_connection = True
                    return
                if status == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                raw = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815 - the library's own names

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def values(self) -> list[float]:
        """Values of all rows of webhook messages, in order."""
        return [row["value"] for _method, _path, _headers, body in self.seen for row in json.loads(body)["data"]]


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """Split no batch and end no turn because a busy machine takes long to read or send a message."""
    monkeypatch.setattr(lanes, "TURN_S", 3_600.0)
    monkeypatch.setattr(pipelines, "PORTION", pipelines.PORTION._replace(seconds=3_600.0))


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def pipeline():
    return Pipeline()


def pack(station, *values, name="temp", unit="Cel", since=None) -> Delivery:
    """A message with one value a second, the last one just now."""
    since = since or clock.now().timestamp() - len(values)
    records = [{"n": name, "u": unit, "v": value, "t": since + number} for number, value in enumerate(values)]
    properties = {"type": "readings", "application_headers": {"v": 1}}
    return Delivery(f"in.{station.serial}", "readings", properties, json.dumps(records).encode())


def heard(station, tags=(), pulses=(), *, since=None, line=7) -> list[Delivery]:
    """Messages with tags, and with pulses by their frequencies, one a second, the last one just now."""
    told = []
    for what, columns in (("tag", {"tag": list(tags)}), ("pulse", {"freq": list(pulses)})):
        rows = len(next(iter(columns.values())))
        if rows:
            begin = since or clock.now().timestamp() - rows
            body = {"what": what, "port": 3, "bt": begin, "t": list(range(rows)), "line": [line], **columns}
            properties = {"type": "detections", "application_headers": {"v": 1}}
            told.append(Delivery(f"in.{station.serial}", "detections", properties, json.dumps(body).encode()))
    return told


@pytest.fixture
def hear(pipeline, station):
    """Let detections of the station arrive through the pipeline."""

    def take(*tags, pulses=(), of=station, **more) -> None:
        outcome = pipeline.take(heard(of, tags, pulses, **more))
        assert outcome.quarantined == 0

    return take


@pytest.fixture
def arrive(pipeline, station):
    """Let values of the station arrive through the pipeline."""

    def take(*values, of=station, **more) -> None:
        outcome = pipeline.take([pack(of, *values, **more)])
        assert outcome.quarantined == 0

    return take


@pytest.fixture
def add(owner, institute):
    """Add a forwarder."""

    def make(kind="webhook", name="There", choice=None, **settings) -> Forwarder:
        return forwarder_add(
            actor=owner,
            organization=institute,
            kind=kind,
            name=name,
            settings=settings,
            choice=choice or RowChoice(is_clean=False),
        )[0]

    return make


@pytest.fixture
def hook(add, receiver) -> Forwarder:
    return add(url=f"{receiver.url}/hook")


def run(forwarder: Forwarder) -> Forwarder:
    """Run the forwarder's lane as if every wait were over; return the refreshed forwarder."""
    Forwarder.objects.filter(pk=forwarder.pk).update(next_try_at=None)
    lane_run(forwarder_id=forwarder.pk)
    forwarder.refresh_from_db()
    return forwarder


def counts(forwarder: Forwarder) -> tuple[int, int, int, int]:
    """Rows sent, known at the receiver, kept back, and refused."""
    return forwarder.rows_sent, forwarder.rows_known, forwarder.rows_kept_back, forwarder.rows_refused


def ago(**delta: float):
    return clock.now() - timedelta(**delta)
