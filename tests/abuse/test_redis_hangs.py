"""A hanging or missing Redis costs only the counters: the API, sign-in and ingest go on, and limits still hold."""

import logging
import os
import signal
import time

import pytest
from django.core.cache import cache
from django.test import Client
from people import key_of, person

from fleet.core import live
from web import counters

pytestmark = pytest.mark.django_db

PASSWORD = "canary of the salt meadow 41"


@pytest.fixture(autouse=True)
def static_files_as_they_lie(settings):
    """Serve static files from their sources, so that pages can be tested without `collectstatic`."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="module")
def services(private_stack):
    return private_stack()


@pytest.fixture(params=["hangs", "is gone"])
def broken(request, services, settings, caplog):
    """A Redis that worked a moment ago and no longer answers; `mend` makes it answer again."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": services.cache.url(0)}}
    counters._gates.clear()
    cache.clear()
    cache.set("before", 1)
    pid = services.redis.pid
    if request.param == "hangs":
        os.kill(pid, signal.SIGSTOP)
        mends = [lambda: os.kill(pid, signal.SIGCONT)]
    else:
        services.redis.kill()
        mends = [services.redis.start]

    def mend():
        while mends:
            mends.pop()()

    caplog.set_level(logging.INFO)
    yield mend
    mend()


def seconds(act) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_the_api_answers_and_its_limit_holds(broken, institute, settings):
    settings.ROOST_API_RATE = 20
    client = Client(headers={"Authorization": f"Bearer {key_of(institute)}"})
    client.get("/api/v1/stations")
    took = [seconds(lambda: client.get("/api/v1/stations")) for _ in range(15)]
    # At most one of them includes a probe of Redis, which takes a quarter of a second.
    assert sorted(took)[-2] < 0.25, took
    statuses = [client.get("/api/v1/stations").status_code for _ in range(10)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_people_sign_in_and_guessing_is_braked(broken):
    known = person("plover")
    known.set_password(PASSWORD)
    known.save()

    def log_in(password: str) -> int:
        client = Client(REMOTE_ADDR="203.0.113.9", raise_request_exception=False)
        return client.post("/login/", {"login": "plover", "password": password}).status_code

    log_in("wrong")
    began = time.monotonic()
    assert log_in(PASSWORD) == 302
    assert time.monotonic() - began < 3
    told = [
        b"Too many"
        in Client(REMOTE_ADDR="203.0.113.9").post("/login/", {"login": "plover", "password": f"{n}"}).content
        for n in range(14)
    ]
    assert told[-1]
    assert not told[0]


def test_it_is_said_once_and_so_is_its_end(broken, caplog, monkeypatch):
    monkeypatch.setattr(counters, "PAUSE_S", 0.0)
    for _ in range(4):
        cache.get("before")
    assert caplog.text.count("Redis does not answer, each process counts limits on its own") == 1
    broken()
    deadline = time.monotonic() + 20
    while "Redis answers again" not in caplog.text:
        assert time.monotonic() < deadline
        cache.set("after", 1)
    assert cache.get("after") == 1


def test_ingest_is_held_up_once_and_not_at_each_batch(broken, settings, services, caplog):
    settings.ROOST_REDIS_URL = services.cache.url(0)
    live._redis.cache_clear()
    live._pause._until = 0.0
    try:
        took = [seconds(lambda: live.live_announce(changed={1: ["SG-A"]})) for _ in range(20)]
        assert sum(took) < 2.5, took
        assert caplog.text.count("Open pages get no live updates") == 1
    finally:
        live._redis.cache_clear()
        live._pause._until = 0.0


def test_what_is_counted_while_it_is_away_has_a_bound(broken):
    for number in range(counters._LOCAL_MOST + 500):
        cache.add(f"source:{number}", 1)
    assert len(cache._local._cache) <= counters._LOCAL_MOST
