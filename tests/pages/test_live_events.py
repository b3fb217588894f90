"""The live process: it tells each page about changes soon, but not too often, and stops at once when told to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client
from people import station_of
from site_processes import GRACE_S, running
from waiting import PATIENCE_S, until

from fleet.core.live import channel_of, live_announce
from fleet.organizations.models import Membership
from sg_status.live.door import HEARTBEAT_S, PERSONS_MOST

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def processes(tmp_path):
    with running(tmp_path, "live") as made:
        yield made


def cookies_of(who) -> dict[str, str]:
    client = Client()
    client.force_login(who.user)
    return {"sessionid": client.cookies["sessionid"].value}


class Ear:
    """Reads one stream in a thread."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.events: list[tuple[float, str, dict]] = []
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        kind = ""
        try:
            for line in self.answer.iter_lines():
                self.begun.set()
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.events.append((time.time(), kind, json.loads(line.removeprefix("data: "))))
        except (httpx.HTTPError, httpx.StreamError):
            pass
        self.ended.set()

    def heard(self, serial: str) -> list[dict]:
        return [data for _at, kind, data in list(self.events) if kind == "changed" and serial in data["stations"]]

    def wait(self, serial: str) -> bool:
        return bool(until(lambda: self.heard(serial), f"an event about {serial}", every=0.01))

    def kinds(self) -> list[str]:
        return [kind for _at, kind, _data in self.events]


@contextmanager
def listening(processes, path: str, who, **headers: str) -> Iterator[Ear]:
    with (
        httpx.Client(trust_env=False, timeout=PATIENCE_S, cookies=cookies_of(who)) as client,
        client.stream("GET", processes.live + path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        ear = Ear(answer)
        # The first line arrives once the process is listening for this page.
        assert ear.begun.wait(PATIENCE_S)
        yield ear


def ask(processes, path: str, who=None, **headers: str) -> int:
    cookies = cookies_of(who) if who else {}
    with (
        httpx.Client(trust_env=False, timeout=PATIENCE_S, cookies=cookies) as client,
        client.stream("GET", processes.live + path, headers=headers) as answer,
    ):
        return answer.status_code


def test_a_change_reaches_the_fleet_page_and_the_stations_own_page_soon(processes, viewer, institute):
    station, other = station_of(institute), station_of(institute)
    with (
        listening(processes, "/live/fleet", viewer) as fleet,
        listening(processes, f"/live/stations/{station.serial}", viewer) as own,
    ):
        before = time.time()
        live_announce(changed={institute.id: [station.serial]})
        assert fleet.wait(station.serial)
        assert own.wait(station.serial)
        at, _kind, data = fleet.events[-1]
        # By the event, not only with the next heartbeat.
        assert at - before < HEARTBEAT_S
        assert before - 1 < data["committed_at"] <= at
        live_announce(changed={institute.id: [other.serial]})
        assert fleet.wait(other.serial)
        assert not own.heard(other.serial)


def test_nobody_hears_of_another_organization(processes, viewer, stranger, institute, elsewhere):
    station, foreign = station_of(institute), station_of(elsewhere)
    with listening(processes, "/live/fleet", stranger) as ear:
        live_announce(changed={institute.id: [station.serial]})
        live_announce(changed={elsewhere.id: [foreign.serial]})
        assert ear.wait(foreign.serial)
        assert not ear.heard(station.serial)
    assert ask(processes, f"/live/stations/{station.serial}", stranger) == 403


def test_without_a_session_or_from_another_site_nothing_is_told(processes, viewer, institute):
    station = station_of(institute)
    assert ask(processes, "/live/fleet") == 403
    assert ask(processes, f"/live/stations/{station.serial}") == 403
    assert ask(processes, "/live/fleet", viewer, Origin="https://elsewhere.example") == 403
    assert ask(processes, "/live/fleet", viewer, Origin=f"http://127.0.0.1:{processes.live_port}") == 403
    assert ask(processes, "/live/fleet", viewer, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert ask(processes, "/live/fleet", viewer, Host="elsewhere.example") == 400
    assert ask(processes, "/live/nothing", viewer) == 404
    assert ask(processes, "/live/fleet", viewer, Origin=processes.site) == 200


def test_the_sites_own_page_may_read_the_answer(processes, viewer):
    with (
        httpx.Client(trust_env=False, cookies=cookies_of(viewer)) as client,
        client.stream("GET", f"{processes.live}/live/fleet", headers={"Origin": processes.site}) as answer,
    ):
        assert answer.headers["access-control-allow-origin"] == processes.site
        assert answer.headers["access-control-allow-credentials"] == "true"


def test_many_changes_become_few_events_and_none_is_forgotten(processes, viewer, institute):
    station_of(institute)
    serials = {f"burst-{n}" for n in range(150)}
    with listening(processes, "/live/fleet", viewer) as ear:
        began = time.time()
        for serial in sorted(serials):
            live_announce(changed={institute.id: [serial]})
        until(lambda: serials <= {name for _at, _kind, data in list(ear.events) for name in data.get("stations", ())})
        assert len(ear.events) <= 2 + (time.time() - began) * 3


def test_a_message_that_is_none_costs_nobody_the_connection(processes, viewer, institute):
    station = station_of(institute)
    channel = redis.Redis.from_url(django_settings.ROOST_REDIS_URL)
    with listening(processes, "/live/fleet", viewer) as ear:
        for rubbish in (b"\xff", b"{}", b"[]", b'{"stations": 3, "at": "", "committed_at": 1}'):
            channel.publish(channel_of(institute.id), rubbish)
        channel.publish("roost:live:x", "{}")
        live_announce(changed={institute.id: [station.serial]})
        assert ear.wait(station.serial)


def test_the_process_ends_at_once_although_pages_listen(processes, viewer):
    with listening(processes, "/live/fleet", viewer) as ear:
        # The server itself would wait for open pages as long as its grace lasts.
        assert processes.stop("live") < GRACE_S
        assert ear.ended.wait(PATIENCE_S)


def test_pages_are_told_when_redis_is_away_and_when_it_is_back(private_stack, tmp_path, viewer, institute, settings):
    services = private_stack()
    settings.ROOST_REDIS_URL = services.cache.url(0)
    station = station_of(institute)
    with running(tmp_path, "live") as made, listening(made, "/live/fleet", viewer) as ear:
        services.redis.stop()
        until(lambda: "deaf" in ear.kinds())
        assert ear.kinds() == ["deaf"]
        assert httpx.get(f"{made.live}/live/healthz", trust_env=False).status_code == 503
        services.redis.start()
        until(lambda: ear.kinds()[-1] == "hearing")
        message = {"stations": [station.serial], "at": "", "committed_at": time.time()}
        redis.Redis.from_url(settings.ROOST_REDIS_URL).publish(channel_of(institute.id), json.dumps(message))
        assert ear.wait(station.serial)


def test_who_is_put_out_of_the_organization_hears_nothing_more(viewer, institute):
    from sg_status.live.access import grant_of

    cookie = cookies_of(viewer)["sessionid"]
    assert grant_of(cookie, None).organization_ids == frozenset({institute.id})
    Membership.objects.all().delete()
    assert grant_of(cookie, None).organization_ids == frozenset()
    viewer.user.is_active = False
    viewer.user.save()
    assert grant_of(cookie, None) is None
    assert grant_of("nonsense", None) is None
    assert grant_of("", None) is None


def test_one_person_cannot_take_all_places_and_others_still_listen(processes, viewer, operator, institute):
    station = station_of(institute)
    cookies = {name: f"{value}" for name, value in cookies_of(viewer).items()}
    with ExitStack() as open_pages:
        client = open_pages.enter_context(httpx.Client(trust_env=False, timeout=PATIENCE_S, limits=httpx.Limits()))
        for number in range(PERSONS_MOST):
            # Vary how each page's cookies are written, and use a new session now and then.
            cookies = cookies_of(viewer) if number % 25 == 0 else cookies
            headers = {"Cookie": f"n={number}; sessionid={cookies['sessionid']}"}
            answer = open_pages.enter_context(client.stream("GET", f"{processes.live}/live/fleet", headers=headers))
            assert answer.status_code == 200, number
        for path in ("/live/fleet", f"/live/stations/{station.serial}"):
            assert ask(processes, path, viewer) == 429
        assert ask(processes, "/live/fleet", operator) == 200
        # They are checked together: one query for each session, not one for each page.
        assert httpx.get(f"{processes.live}/live/healthz", trust_env=False).status_code == 200
    until_free(processes, viewer)


def until_free(processes, who):
    until(lambda: ask(processes, "/live/fleet", who) == 200, "the places of pages that are gone", every=0.2)
