"""The page of the files on a station: each file in one state, sums that add up, and a constant number of queries."""

import hashlib

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.core import clock
from fleet.holdings.models import HeldFile, StationHolding
from fleet.holdings.selectors import held_sums

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
    assert "has not told yet" in watching.get(page_of(station)).content.decode()
    holding_make(station, left={"no_data": 3, "long_name": 1}, refused=2)
    held_make(station, "2026-05-01/a.txt", b"a" * 10, lines={"pulse": 7}, first_at=clock.now(), last_at=clock.now())
    held_make(station, "2026-05-01/b.txt", b"b")
    held_make(station, "2026-05-01/c.txt", b"c" * 3, is_gone=True)
    tus = Tus(f"Bearer {key_of(institute, write=True)}")
    # Under another name it is the same content.
    tus.upload(b"b", "elsewhere.txt", station=station.serial)
    tus.upload(b"a" * 10, "other.txt", station=station_of(institute).serial)
    text = watching.get(page_of(station)).content.decode()
    for word in ("2026-05-01/a.txt", "pulse 7", "only on the station", "gone from the station", "have no place"):
        assert word in text
    assert "3 files are a computer" in text
    sums = held_sums(station=station)
    assert {state: (each.files, each.octets) for state, each in sums.items()} == {
        "stored": (1, 1), "held": (1, 10), "gone": (1, 3),
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
    assert {each["state"]: each["files"] for each in told["states"]} == {"stored": 0, "held": 1, "gone": 0}
    rows = client.get(f"/api/v1/stations/{station.serial}/held-files", {"state": "held"}).json()["results"]
    assert [(row["path"], row["size"], row["state"]) for row in rows] == [("a", 10, "held")]
