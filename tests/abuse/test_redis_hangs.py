"""A hanging or missing Redis costs only the counters: the API, sign-in and ingest go on, and limits still hold."""

import logging
import os
import signal

import pytest
from django.core.cache import cache
from django.test import Client
from people import key_of, person
from waiting import until

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
def own_stack(private_stack):
    return private_stack()


@pytest.fixture(params=["hangs", "is gone"])
def broken(request, own_stack, settings, caplog):
    """A Redis that worked a moment ago and no longer answers; `mend` makes it answer again."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": own_stack.cache.url(0)}}
    counters._gates.clear()
    cache.clear()
    cache.set("before", 1)
    pid = own_stack.redis.pid
    if request.param == "hangs":
        os.kill(pid, signal.SIGSTOP)
        mends = [lambda: os.kill(pid, signal.SIGCONT)]
    else:
        own_stack.redis.kill()
        mends = [own_stack.redis.start]

    def mend():
        while mends:
            mends.pop()()

    caplog.set_level(logging.INFO)
    yield mend
    mend()


@pytest.fixture
def waits(broken, monkeypatch) -> list[Exception]:
    """One error for each wait for Redis. The pause after the first one outlasts the test."""
    found, away = [], counters._Gate.away
    monkeypatch.setattr(counters, "PAUSE_S", 3_600.0)
    monkeypatch.setattr(counters._Gate, "away", lambda gate, error: found.append(error) or away(gate, error))
    return found


def test_redis_is_waited_for_less_than_a_person_notices():
    assert counters.ANSWER_S <= 0.25


def test_the_api_answers_and_its_limit_holds(waits, institute, settings):
    settings.ROOST_API_RATE = 20
    client = Client(headers={"Authorization": f"Bearer {key_of(institute)}"})
    client.get("/api/v1/stations")
    for _ in range(15):
        client.get("/api/v1/stations")
    assert len(waits) == 1
    statuses = [client.get("/api/v1/stations").status_code for _ in range(10)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_people_sign_in_and_guessing_is_braked(waits):
    known = person("plover")
    known.set_password(PASSWORD)
    known.save()

    def log_in(password: str) -> int:
        client = Client(REMOTE_ADDR="203.0.113.9", raise_request_exception=False)
        return client.post("/login/", {"login": "plover", "password": password}).status_code

    log_in("wrong")
    assert log_in(PASSWORD) == 302
    assert len(waits) == 1
    told = [
        b"Too many"
        in Client(REMOTE_ADDR="203.0.113.9").post("/login/", {"login": "plover", "password": f"{n}"}).content
        for n in range(14)
    ]
    assert told[-1]
    assert not told[0]


def test_an_outage_and_its_end_are_logged_once_each(broken, caplog, monkeypatch):
    monkeypatch.setattr(counters, "PAUSE_S", 0.0)
    for _ in range(4):
        cache.get("before")
    assert caplog.text.count("Redis does not answer, each process counts limits on its own") == 1
    broken()
    until(lambda: cache.set("after", 1) or "Redis answers again" in caplog.text)
    assert cache.get("after") == 1


def test_ingest_is_held_up_once_and_not_at_each_batch(broken, settings, own_stack, caplog, monkeypatch):
    settings.ROOST_REDIS_URL = own_stack.cache.url(0)
    live._redis.cache_clear()
    live._pause._until = 0.0
    try:
        monkeypatch.setattr(live, "PAUSE_S", 3_600.0)
        for _ in range(20):
            live.live_publish({1: ["SG-A"]})
        assert caplog.text.count("Open pages get no live updates") == 1
    finally:
        live._redis.cache_clear()
        live._pause._until = 0.0


def test_what_is_counted_while_it_is_away_has_a_bound(broken):
    for number in range(counters._LOCAL_MOST + 500):
        cache.add(f"source:{number}", 1)
    assert len(cache._local._cache) <= counters._LOCAL_MOST
