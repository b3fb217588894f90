"""Enrolment exchanges a token for a login, and says in plain words why it cannot."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from waiting import PATIENCE_S

from station_agent.config import config_load, config_read, config_write

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def server():
    """A small server that gives a prepared answer and records its requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.asked.append((self.path, body))
            status, headers, answer = self.server.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *_parts):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answer = [], (500, {}, {})
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def enrol(tmp_path):
    def run(*arguments):
        command = [
            sys.executable,
            "-m",
            "station_agent",
            "enrol",
            "--config",
            str(tmp_path / "config.toml"),
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=PATIENCE_S)

    return run


def amqp_of(station):
    return msgspec.to_builtins(station.amqp)


def test_the_login_is_written_and_tried(server, enrol, tmp_path, make_broker_station):
    station = make_broker_station(tls=True)
    server.answer = (201, {}, {"amqp": amqp_of(station) | {"mqtt_port": 8883}, "something": "newer"})
    config_write(tmp_path / "config.toml", {"profile": "frugal", "sources": {"sensorgnome": {"pulses": "counts"}}})
    done = enrol("--server", server.url + "/", "--token", "abc", "--serial", station.serial)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is enrolled" in done.stdout
    assert "works (encrypted, the server's certificate is trusted)" in done.stdout
    ((path, asked),) = server.asked
    assert path == "/api/v1/enrolments"
    assert (asked["serial"], asked["token"], asked["hardware"]["cpus"] > 0) == (station.serial, "abc", True)
    config = config_load(tmp_path / "config.toml", {})
    assert (config.amqp, config.serial, config.server, config.profile) == (
        station.amqp,
        station.serial,
        server.url,
        "frugal",
    )
    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o600
    assert config.sources["sensorgnome"] == {"pulses": "counts"}


def test_an_unreachable_broker_is_reported_but_the_login_is_kept(server, enrol, tmp_path):
    amqp = {
        "host": "127.0.0.1",
        "port": 1,
        "tls": True,
        "vhost": "fleet",
        "username": "st.SG-TEST.1",
        "password": "x",
        "exchange": "in.SG-TEST",
        "command_queue": "cmd.SG-TEST",
        "ca_pem": "",
    }
    server.answer = (201, {}, {"amqp": amqp})
    done = enrol("--server", server.url, "--token", "abc", "--serial", "SG-TEST")
    assert done.returncode == 1
    assert "127.0.0.1:1 refuses connections" in done.stderr
    assert config_read(tmp_path / "config.toml")["amqp"]["password"] == "x"


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(server, enrol, make_broker_station, tmp_path):
    station = make_broker_station(tls=True)
    server.answer = (201, {}, {"amqp": amqp_of(station) | {"ca_pem": ""}})
    done = enrol("--server", server.url, "--token", "abc", "--serial", station.serial)
    assert done.returncode == 1
    assert "showed a certificate that is not trusted" in done.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {}, {"detail": "no"}), "did not accept the token for station SG-TEST"),
        ((429, {"Retry-After": "37"}, {}), "try again in 37 seconds"),
        ((400, {}, {"detail": "serial is too long"}), "serial is too long"),
        ((404, {}, b"<html>"), "no Roost server at this address"),
        ((503, {"Retry-After": "5"}, {}), "token is still good: try again in 5 seconds"),
        ((502, {}, b"<html>"), "internal error (status 502)"),
        ((302, {"Location": "https://other.example.org/"}, {}), "redirects this address to https://other.example.org/"),
        ((201, {}, b"<html>"), "not that of a Roost server"),
        ((201, {}, {"amqp": {"host": "x"}}), "not that of a Roost server"),
    ],
)
def test_refusals_are_one_plain_sentence(server, enrol, tmp_path, answer, words):
    server.answer = answer
    done = enrol("--server", server.url, "--token", "abc", "--serial", "SG-TEST")
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "ftp://x", "--token", "a"], "is not a server address"),
        (["--server", "http://example.org", "--token", "a"], "--insecure-http"),
        (["--server", "https://example.org", "--token", "a", "--serial", "a.b"], "cannot be used on the broker"),
        (["--server", "https://example.org"], "--token"),
    ],
)
def test_wrong_use_is_one_sentence_and_code_2(enrol, arguments, words):
    done = enrol(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_does_not_answer_is_reported(enrol):
    done = enrol("--server", "http://127.0.0.1:1", "--token", "a", "--serial", "SG-TEST")
    assert (done.returncode, "refuses connections" in done.stderr) == (1, True)


def desk_of(serial):
    return {
        "host": "127.0.0.1",
        "port": 1,
        "vhost": "fleet",
        "username": f"up.{serial}.2",
        "password": "x",
        "exchange": f"up.{serial}",
        "command_queue": "",
    }


def test_a_desk_asks_for_a_login_of_its_own_and_is_no_station(server, enrol, tmp_path):
    server.answer = (201, {}, {"amqp": desk_of("SG-TEST")})
    done = enrol("--server", server.url, "--token", "abc", "--serial", "SG-TEST", "--for-upload")
    assert "This desk can upload files of SG-TEST" in done.stdout
    assert server.asked[0][1]["purpose"] == "upload"
    config = config_load(tmp_path / "config.toml", {})
    assert (config.serial, config.amqp.exchange, config.amqp.command_queue) == ("SG-TEST", "up.SG-TEST", "")
    run = [sys.executable, "-m", "station_agent", "run", "--config", str(tmp_path / "config.toml")]
    refused = subprocess.run(run, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=PATIENCE_S)
    assert (refused.returncode, "contains a desk's login" in refused.stderr) == (2, True)


def test_a_desk_s_login_does_not_overwrite_the_station_s_on_the_station_itself(server, enrol, tmp_path):
    server.answer = (201, {}, {"amqp": desk_of("SG-TEST")})
    config_write(
        tmp_path / "config.toml", {"serial": "SG-TEST", "amqp": {**desk_of("SG-TEST"), "exchange": "in.SG-TEST"}}
    )
    done = enrol("--server", server.url, "--token", "abc", "--serial", "SG-TEST", "--for-upload")
    assert (done.returncode, "separate file" in done.stderr, server.asked) == (2, True, [])
    assert config_read(tmp_path / "config.toml")["amqp"]["exchange"] == "in.SG-TEST"
