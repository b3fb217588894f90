"""Requests before login cost next to nothing on any path; they are sent over real connections."""

import re
import socket

import httpx
import psutil
import pytest
from people import key_of, station_of
from site_processes import Running, running
from waiting import PATIENCE_S

from fleet.core.requests.door import host_is_written_well, origin_is_written_well

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]

MB = 1_000_000


@pytest.fixture(scope="module")
def processes(tmp_path_factory, django_db_setup):
    folder = tmp_path_factory.mktemp("door")
    with running(folder, "site", "live", ROOST_PROXIES="127.0.0.1", ROOST_API_WRONG_KEYS="5") as made:
        yield made


def first_line_of_answer(port: int, request: bytes) -> bytes:
    """First line of the answer to these bytes; empty if the connection just ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall(request)
        try:
            return line.recv(4_000).partition(b"\r\n")[0]
        except ConnectionError:
            return b""


def flood(port: int, head: bytes, piece: bytes, most: int) -> tuple[int, bytes]:
    """Send pieces without end; return how many bytes were accepted and the first line of the answer."""
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall(head)
        try:
            while taken < most:
                line.sendall(piece)
                taken += len(piece)
            return taken, line.recv(4_000).partition(b"\r\n")[0]
        except OSError:
            try:
                return taken, line.recv(4_000).partition(b"\r\n")[0]
            except OSError:
                return taken, b""


CHUNK = b"f4240\r\n" + b"x" * MB + b"\r\n"
#: Method, path and process: addresses that need no login, or that are read before the login is checked.
PLACES = [
    ("GET", "/healthz", "site"),
    ("POST", "/healthz", "site"),
    ("POST", "/login/", "site"),
    ("POST", "/api/v1/enrolments", "site"),
    ("POST", "/stations/SG-A/notes/photos/", "site"),
    ("PUT", "/static/nothing.js", "site"),
    ("GET", "/live/healthz", "live"),
    ("POST", "/live/fleet", "live"),
]


@pytest.mark.parametrize("told", ["length", "chunks"])
def test_a_body_of_400_mb_before_login_is_taken_nowhere(processes: Running, told):
    for method, path, name in PLACES:
        port = processes.site_port if name == "site" else processes.live_port
        how = b"Content-Length: 400000000" if told == "length" else b"Transfer-Encoding: chunked"
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + how + b"\r\n\r\n"
        before = psutil.Process(processes.processes[name].pid).memory_info().rss
        taken, answer = flood(port, head, b"x" * MB if told == "length" else CHUNK, 60 * MB)
        assert taken < 30 * MB, (method, path)
        # A client that keeps sending may see nothing but the connection break. The live process reads no bodies: it may
        # answer and hang up.
        assert answer == b"" or int(answer.split()[1]) in (200, 405, 413), (method, path, answer)
        assert psutil.Process(processes.processes[name].pid).memory_info().rss - before < 40 * MB, (method, path)
    assert httpx.get(f"{processes.site}/healthz", trust_env=False).status_code == 200
    assert httpx.get(f"{processes.live}/live/healthz", trust_env=False).status_code == 200


def test_an_address_of_ipv6_is_a_host_as_well():
    assert all(map(host_is_written_well, ("[::1]", "[2001:db8::1]:443", "roost.example", "a-b.example:8000")))
    assert all(map(origin_is_written_well, ("null", "https://[::1]:8000", "moz-extension://0f-1")))


def test_a_body_whose_announced_length_is_too_long_is_refused_with_the_reason(processes):
    for path, kind in (("/login/", "text/plain"), ("/api/v1/enrolments", "application/problem+json")):
        answer = httpx.post(processes.site + path, content=b"x" * 5 * MB, trust_env=False)
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith(kind)
        assert "longer than 4.0 MB" in answer.text


@pytest.mark.parametrize("name", ["site", "live"])
def test_headers_without_end_are_not_read(processes, name):
    port = processes.site_port if name == "site" else processes.live_port
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    taken, _answer = flood(port, head, b"X-Long: " + b"a" * 50_000 + b"\r\n", 60 * MB)
    assert taken < 10 * MB


HOSTS = [
    "a b",
    "a/b",
    "a@b",
    "[::1",
    "[::::]",
    "localhost:port",
    "localhost:99999",
    "a_b",
    "\xe4.example",
    ",",
    "[x]:1",
]
ORIGINS = ["http://[", "https://a b", "nothing", "http://a, http://b", "://a", "http://", "http://a/b", "http://[::1"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/stations", "/static/x.js", "/live/fleet", "/live/healthz"])
def test_an_invalid_host_or_origin_gets_400_everywhere(processes, path):
    port = processes.live_port if path.startswith("/live/") else processes.site_port
    heads = [f"Host: {host}" for host in HOSTS]
    heads += [f"Host: localhost\r\nOrigin: {origin}" for origin in ORIGINS]
    heads += ["Host: localhost\r\nHost: localhost", "Host: localhost\r\nOrigin: http://a\r\nOrigin: http://a"]
    for head in heads:
        request = f"GET {path} HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n".encode("latin-1")
        assert re.match(rb"HTTP/1.1 400 ", first_line_of_answer(port, request)), head


def test_hosts_and_origins_that_are_well_written_pass(processes):
    for head in ("Host: localhost", "Host: 127.0.0.1:1", "Host: LOCALHOST:80", "Host: localhost\r\nOrigin: null"):
        request = f"GET /healthz HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n".encode()
        assert first_line_of_answer(processes.site_port, request) == b"HTTP/1.1 200 OK", head


def test_only_a_named_proxy_is_believed_about_the_caller(processes):
    def guessed(source: str) -> int:
        headers = {"Authorization": "Bearer aaaaaaaa.bbbbbbbb", "X-Forwarded-For": source}
        return httpx.get(f"{processes.site}/api/v1/stations", headers=headers, trust_env=False).status_code

    assert [guessed(f"198.51.100.{n}") for n in range(8)] == [401] * 8
    assert [guessed(f"6.6.6.{n}, 192.0.2.7") for n in range(7)] == [401] * 5 + [429] * 2


def test_one_ipv6_network_is_one_source(processes):
    def guessed(source: str) -> int:
        headers = {"Authorization": "Bearer aaaaaaaa.bbbbbbbb", "X-Forwarded-For": source}
        return httpx.get(f"{processes.site}/api/v1/stations", headers=headers, trust_env=False).status_code

    assert [guessed(f"2001:db8:0:1::{n:x}") for n in range(1, 8)] == [401] * 5 + [429] * 2
    assert guessed("2001:db8:0:2::1") == 401


def test_links_to_the_next_page_have_the_scheme_that_the_proxy_reports(processes, institute):
    station_of(institute), station_of(institute)
    headers = {"Authorization": f"Bearer {key_of(institute)}", "X-Forwarded-Proto": "https"}
    address = f"{processes.site}/api/v1/stations?limit=1"
    assert httpx.get(address, headers=headers, trust_env=False).json()["next"].startswith("https://127.0.0.1")


def test_a_web_socket_request_is_answered_as_an_ordinary_one(processes):
    head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    for port, path in ((processes.site_port, "/healthz"), (processes.live_port, "/live/fleet")):
        first = first_line_of_answer(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        assert int(first.split()[1]) < 500, first
    assert "can only handle" not in (processes.logs / "site.log").read_text()
