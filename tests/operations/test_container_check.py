"""A container's health check reports what its process reports, and fails when there is no process."""

import http.server
import os
import socket
import threading
import time

import pytest

from fleet.core.pulses import pulse_beat
from fleet.core.signs import sign_leave
from operations import container_check
from operations.container_check import trouble_find
from operations.instance import SIGNS_VARIABLE
from operations.running.process_table import NAMES
from workers.celery_app import _leave_beat_sign


@pytest.fixture(autouse=True)
def signs(tmp_path, monkeypatch, settings):
    settings.ROOST_SIGNS = str(tmp_path)
    monkeypatch.setenv(SIGNS_VARIABLE, str(tmp_path))
    monkeypatch.setenv("ROOST_VAR", str(tmp_path / "var"))
    return tmp_path


@pytest.fixture
def page(monkeypatch):
    """Serve a page that answers with a chosen status and records its requests."""

    class Page(http.server.BaseHTTPRequestHandler):
        status, asked = 200, []

        def do_GET(self):
            self.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    places = {name: (server.server_port, path) for name, (_, path) in container_check.PAGES.items()}
    monkeypatch.setattr(container_check, "PAGES", places)
    yield Page
    server.shutdown()
    server.server_close()


def test_there_is_a_check_for_every_process_of_the_table():
    assert {*container_check.SIGNS, *container_check.PAGES} == set(NAMES)
    assert "has no check" in trouble_find("frobnicate")


@pytest.mark.parametrize("name", list(container_check.SIGNS))
def test_a_process_that_left_no_sign_or_an_old_one_does_not_work(signs, name):
    assert trouble_find(name) == "has not worked yet"
    sign, most = container_check.SIGNS[name]
    sign_leave(sign)
    assert trouble_find(name) is None
    long_ago = time.time() - most - 5
    os.utime(signs / f"{sign}.sign", (long_ago, long_ago))
    assert trouble_find(name).startswith("last worked ")


@pytest.mark.django_db(transaction=True)
def test_a_pulse_that_is_in_the_database_is_a_sign():
    pulse_beat(name="relay")
    assert trouble_find("relay") is None


def test_what_the_clock_sent_is_a_sign():
    _leave_beat_sign()
    assert trouble_find("beat") is None


def test_without_a_folder_no_sign_is_left(settings, tmp_path):
    settings.ROOST_SIGNS = ""
    sign_leave("relay")
    assert list(tmp_path.iterdir()) == []


def test_a_page_works_when_it_answers_with_success(page):
    assert trouble_find("site") is None
    page.status = 503
    assert trouble_find("live").startswith("answers 503")
    assert [path for path, _ in page.asked] == ["/healthz", "/live/healthz"]


def test_flower_is_asked_with_its_password(page, signs):
    (signs / "var" / "secrets").mkdir(parents=True)
    (signs / "var" / "secrets" / "flower").write_text("a word\n")
    assert trouble_find("flower") is None
    assert page.asked[-1] == ("/", "Basic cm9vc3Q6YSB3b3Jk")


def test_a_process_that_is_not_there_does_not_answer(monkeypatch):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        free = door.getsockname()[1]
    monkeypatch.setattr(container_check, "SMTP_PORT", free)
    monkeypatch.setattr(container_check, "PAGES", {"site": (free, "/healthz"), "mail": (free, "/")})
    assert trouble_find("site") == f"does not answer on port {free} (ConnectionRefusedError)"
    assert trouble_find("mail") == "accepts no mail (ConnectionRefusedError)"
