"""The page of the files on a station: each file in one state, sums that add up, and a constant number of queries."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from files.tus_asking import Tus
from people import SERVER, Role, key_of, person, station_of

from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.holdings.fetching import station_fetch
from fleet.holdings.models import HeldFile, StationHolding
from fleet.holdings.policy import FetchRule, policy_set, rule_of_station, window_end
from fleet.holdings.selectors import held_sums, sums_by_state

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return station_of(institute)


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def held_make(station, path: str, content: bytes, **more) -> HeldFile:
    told = {"said_at": clock.now(), "said_stream": "s", "said_seq": 1, "listing": 1, "first_told_at": clock.now()}
    sha256 = hashlib.sha256(content).hexdigest()
    return HeldFile.objects.create(station=station, path=path, octets=len(content), sha256=sha256, **told, **more)


def holding_make(station, **more) -> StationHolding:
    now = clock.now()
    sums = {"held": 3, "held_octets": 30, "waiting": 1, "waiting_octets": 5, **more}
    return StationHolding.objects.create(
        station=station, said_at=now, said_stream="s", said_seq=1, received_at=now, **sums
    )


def page_of(station) -> str:
    return f"/stations/{station.serial}/files/held/"


def test_each_file_is_in_one_state_and_the_sums_add_up(institute, station, watching):
    assert "has not reported its files yet" in watching.get(page_of(station)).content.decode()
    holding_make(station, left={"no_data": 3, "long_name": 1}, refused=2)
    held_make(station, "2026-05-01/a.txt", b"a" * 10, lines={"pulse": 7}, first_at=clock.now(), last_at=clock.now())
    held_make(station, "2026-05-01/b.txt", b"b")
    held_make(station, "2026-05-01/c.txt", b"c" * 3, is_gone=True)
    tus = Tus(f"Bearer {key_of(institute, write=True)}")
    # Under another name, the same content counts as stored.
    tus.upload(b"b", "elsewhere.txt", station=station.serial)
    tus.upload(b"a" * 10, "other.txt", station=station_of(institute).serial)
    text = watching.get(page_of(station)).content.decode()
    for word in (
        "2026-05-01/a.txt",
        "pulse 7",
        "The policy fetches nothing",
        "gone from the station",
        "do not fit in the list",
    ):
        assert word in text
    assert "3 files are a computer&#x27;s own system files" in text
    sums = sums_by_state(held_sums(station=station, rule=rule_of_station(station)))
    assert {state: (each.files, each.octets) for state, each in sums.items() if each.files} == {
        "stored": (1, 1), "kept": (1, 10), "gone": (1, 3),
    }  # fmt: skip
    only = watching.get(page_of(station), {"state": "stored"}).content.decode()
    assert ("2026-05-01/b.txt" in only, "2026-05-01/a.txt" in only) == (True, False)
    assert "No matching files" in watching.get(page_of(station), {"q": "nothing"}).content.decode()
    assert page_of(station) in watching.get(f"/stations/{station.serial}/files/").content.decode()


def test_the_page_takes_as_many_queries_for_many_files(station, watching):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert watching.get(page_of(station)).status_code == 200
        return len(asked)

    holding_make(station)
    held_make(station, "0", b"0")
    queries()
    few = queries()
    for n in range(1, 30):
        held_make(station, str(n), str(n).encode())
    assert queries() == few


def test_the_api_gives_the_same(institute, station):
    client = Client(headers={"authorization": f"Bearer {key_of(institute)}"})
    assert client.get(f"/api/v1/stations/{station.serial}/holding").status_code == 404
    holding_make(station, left={"link": 1})
    held_make(station, "a", b"a" * 10)
    told = client.get(f"/api/v1/stations/{station.serial}/holding").json()
    assert (told["held"], told["left"], told["sentences"]) == (3, {"link": 1}, ["1 link is not followed."])
    assert {each["state"]: each["files"] for each in told["states"]} == {"kept": 1}
    rows = client.get(f"/api/v1/stations/{station.serial}/held-files", {"state": "kept"}).json()["results"]
    assert [(row["path"], row["size"], row["state"]) for row in rows] == [("a", 10, "kept")]


def test_what_the_policy_keeps_back_is_said_with_its_reason(station, watching):
    now = clock.now()
    old = now - timedelta(days=40)
    holding_make(station)
    for name, content, more in (
        ("fine", b"1", {"lines": {"pulse": 1}, "last_at": now}),
        ("no", b"22", {"lines": {"position": 5}, "last_at": now}),
        ("unknown", b"333", {"modified_at": now}),
        ("old", b"4444", {"lines": {"tag": 1}, "last_at": old}),
        ("large", b"5" * 50, {"lines": {"pulse": 1}, "last_at": now}),
    ):
        held_make(station, name, content, **more)

    def sums() -> dict[tuple[str, str], int]:
        found = held_sums(station=station, rule=rule_of_station(station))
        assert sum(each.files for each in found.values()) == 5
        return {key: each.files for key, each in found.items()}

    assert sums() == {("kept", "nothing"): 5}
    policy_set(actor=SERVER, owner=station.organization, rule=FetchRule(mode="demand"))
    assert sums() == {("kept", "demand"): 5}
    policy_set(actor=SERVER, owner=station, rule=FetchRule(mode="heard", days_most=30, octets_per_day=40))
    assert sums() == {
        ("wanted", ""): 2, ("kept", "no_detections"): 1, ("kept", "too_old"): 1, ("kept", "too_large"): 1,
    }  # fmt: skip
    text = watching.get(page_of(station)).content.decode()
    for word in (
        "It has no detections",
        "It is older than the policy",
        "It is larger than the policy allows for one day",
    ):
        assert word in text
    policy_set(actor=SERVER, owner=station, rule=None)
    assert sums() == {("kept", "demand"): 5}


def test_operators_choose_files_and_set_the_policy_and_viewers_see_it(institute, station):
    holding_make(station)
    file = held_make(station, "a.txt", b"a")
    clients = {}
    for role in (Role.VIEWER, Role.OPERATOR, Role.OWNER):
        clients[role] = Client()
        clients[role].force_login(person(f"p-{role}", (institute, role)))
    policy, fetch = f"/stations/{station.serial}/files/fetching/", f"{page_of(station)}fetch/"
    form = {
        "mode": "demand", "mb_per_day": "2", "hour_from": "22", "hour_to": "6", "days_most": "", "order": "oldest",
        "networks": ["wifi", "ethernet"],
    }  # fmt: skip
    assert clients[Role.VIEWER].post(policy, form).status_code == 403
    assert "Save the policy" not in clients[Role.VIEWER].get(policy).content.decode()
    refused = clients[Role.OPERATOR].post(policy, {**form, "hour_to": ""})
    assert "Give both hours" in refused.content.decode()
    chosen = clients[Role.OPERATOR].post(fetch, {"file": [file.pk]}, follow=True)
    assert "first set its policy" in chosen.content.decode()
    assert clients[Role.OPERATOR].post(policy, form).status_code == 302
    rule = rule_of_station(station)
    assert (rule.mode, rule.octets_per_day, rule.hour_from, rule.hour_to) == ("demand", 2_000_000, 22, 6)
    assert (rule.is_newest_first, rule.networks, rule.whose) == (False, ("ethernet", "wifi"), "station")
    entry = AuditEntry.objects.get(action="station.fetch_policy")
    assert (entry.detail["mode"], entry.actor_name) == ("demand", f"p-{Role.OPERATOR}")
    assert "Fetch the selected files" not in clients[Role.VIEWER].get(page_of(station)).content.decode()
    assert clients[Role.VIEWER].post(fetch, {"file": [file.pk]}).status_code == 403
    chosen = clients[Role.OPERATOR].post(fetch, {"file": [file.pk]}, follow=True)
    assert "Wanted: 1." in chosen.content.decode()
    assert "wanted, waiting for its turn" in chosen.content.decode()
    usual = f"/organizations/{institute.slug}/fetching/"
    assert clients[Role.OPERATOR].post(usual, {"mode": "all", "order": "newest"}).status_code == 403
    assert clients[Role.OWNER].post(usual, {"mode": "all", "order": "newest"}).status_code == 302
    assert rule_of_station(station).whose == "station"
    clients[Role.OPERATOR].post(policy, {"mode": "usual", "order": "newest"})
    assert (rule_of_station(station).whose, rule_of_station(station).mode) == ("organization", "all")


def test_the_hours_of_a_policy_hold_in_the_organization_s_timezone():
    def end(rule: FetchRule, hour: int, zone: str = "UTC") -> int | None:
        moment = datetime(2026, 5, 1, hour, 30, tzinfo=UTC)
        found = window_end(rule, zone=zone, moment=moment)
        return None if found is None else round((found - moment).total_seconds() / 60)

    assert end(FetchRule(), 3) == 24 * 60
    night, day = FetchRule(hour_from=22, hour_to=6), FetchRule(hour_from=8, hour_to=24)
    assert [end(night, hour) for hour in (21, 22, 23, 0, 5, 6)] == [None, 450, 390, 330, 30, None]
    assert [end(day, hour) for hour in (7, 8, 23)] == [None, 930, 30]
    # In New York it is 22:30.
    assert end(night, 2, "America/New_York") == 450


def test_a_day_s_bytes_and_the_order_decide_what_is_asked_for(station):
    now = clock.now()
    policy_set(actor=SERVER, owner=station, rule=FetchRule(mode="all", octets_per_day=25))
    # The station has sent no list here yet, so it is asked for one, once a day.
    assert [station_fetch(station=station, moment=now) for _ in range(2)] == [0, 0]
    assert [command.name for command in Command.objects.all()] == ["list_files"]
    Command.objects.all().delete()
    holding_make(station)
    for number in range(4):
        held_make(station, f"{number}.txt", b"%d" % number * 10, last_at=now - timedelta(hours=number))
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    assert station_fetch(station=station, moment=noon) == 2
    command = Command.objects.get()
    assert [file["path"] for file in command.parameters["files"]] == ["0.txt", "1.txt"]
    assert command.parameters["until"] == (noon + timedelta(days=1)).timestamp()
    # While these are under way, no more is asked for; on the same day, only 5 bytes are left.
    assert station_fetch(station=station, moment=noon) == 0
    HeldFile.objects.update(asked_until=None)
    HeldFile.objects.filter(path__in=("0.txt", "1.txt")).update(end="known")
    assert station_fetch(station=station, moment=noon) == 0
    policy_set(actor=SERVER, owner=station, rule=FetchRule(mode="all", octets_per_day=25, is_newest_first=False))
    assert station_fetch(station=station, moment=noon + timedelta(days=1)) == 2
    assert [file["path"] for file in Command.objects.latest("issued_at").parameters["files"]] == ["3.txt", "2.txt"]
