"""Lists of files without page numbers: every file is on one page, and a part of a name is found by its index."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from files.tus_asking import Tus
from pages.test_file_pages import file_of
from pages.test_held_pages import held_make, holding_make
from people import key_of, station_of

from fleet.core import clock
from fleet.files.models import StationFile
from fleet.files.store.models import StoredFile
from fleet.files.store.selectors import organization_revisions
from sg_status.files import keyset
from sg_status.pages.station import files, held, stored

pytestmark = pytest.mark.django_db
PAGE = {"stored/": stored, "held/": held, "": files}


@pytest.fixture
def station(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return station_of(institute)


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


@pytest.fixture
def tus(institute) -> Tus:
    return Tus(f"Bearer {key_of(institute, write=True)}")


def walked(client: Client, station, page: str, **asked: str) -> list[list[str]]:
    """The names on each page, following *Next*."""
    address, names, after = f"/stations/{station.serial}/files/{page}", [], ""
    while True:
        found = client.get(address, {**asked, "after": after} if after else asked).context["page"]
        names.append([getattr(getattr(one, "file", one), "path", None) or one.name for one in found.rows])
        assert found.is_later == bool(after)
        after = found.after
        if not after:
            return names


@pytest.mark.parametrize("page", PAGE)
def test_each_file_is_on_one_page(station, tus, watching, monkeypatch, page):
    monkeypatch.setattr(PAGE[page], "PAGE_SIZE", 2)
    names = [f"2026-05-01/{letter}.txt" for letter in "abcde"]
    moment = clock.now()
    for number, name in enumerate(names):
        if page == "stored/":
            tus.upload(name.encode(), name, station=station.serial)
        elif page == "held/":
            held_make(station, name, name.encode())
        else:
            # Two were reported at the same moment.
            file = file_of(station, name)
            StationFile.objects.filter(pk=file.pk).update(last_received_at=moment + timedelta(minutes=number // 2))
    if page == "stored/":
        # A second revision of the one at the end of the first page.
        tus.upload(b"other", names[3], station=station.serial)
        names.insert(4, names[3])
    if page == "held/":
        holding_make(station)
    pages = walked(watching, station, page)
    assert [len(each) for each in pages] == [2] * (len(names) // 2) + [1] * (len(names) % 2)
    assert [name for each in pages for name in each] == names[::-1]


@pytest.mark.parametrize(
    "after", ["x", "[]", "[null]", '["a\\u0000","b"]', '["\\ud800",1]', '[{"at":"x"},1]', "[" * 5000, "[1e999,1]"]
)
@pytest.mark.parametrize("page", PAGE)
def test_a_place_that_cannot_be_read_is_the_beginning(station, watching, page, after):
    held_make(station, "a.txt", b"a")
    answer = watching.get(f"/stations/{station.serial}/files/{page}", {"after": after})
    assert (answer.status_code, answer.context["page"].is_later) == (200, False)


def test_many_files_are_counted_up_to_a_limit(station, watching, tus, monkeypatch):
    monkeypatch.setattr(keyset, "COUNTED_MOST", 2)
    for number in range(3):
        tus.upload(b"%d" % number, f"{number}.txt", station=station.serial)
    assert "2+ files" in watching.get(f"/stations/{station.serial}/files/stored/").content.decode()


def test_a_search_that_is_too_short_is_said(station, watching, tus, institute):
    tus.upload(b"a", "a.txt", station=station.serial)
    for address in (f"/stations/{station.serial}/files/stored/", f"/organizations/{institute.slug}/files/"):
        text = watching.get(address, {"q": "zz"}).content.decode()
        assert "Search for at least 3 characters." in text
        assert "a.txt" in text
        assert "No matching files" in watching.get(address, {"q": "zzz"}).content.decode()


def test_a_part_of_a_name_is_found_by_its_index(station):
    StoredFile.objects.bulk_create(StoredFile(station=station, path=f"2026-05-01/{n}.txt") for n in range(50))
    sql, params = StoredFile.objects.filter(path__icontains="needle").query.sql_with_params()
    with connection.cursor() as cursor:
        # The table is small: without this, reading it whole would be right.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = json.dumps(cursor.fetchone()[0])
    assert "stored_file_by_part" in plan


def test_a_hash_and_a_day_are_told_apart(station, institute, tus):
    tus.upload(b"other", "20260501.csv", station=station.serial)
    tus.upload(b"more", "b.csv", station=station.serial)

    def paths(search: str) -> list[str]:
        return [one.file.path for one in organization_revisions(organization=institute, search=search)]

    assert paths("20260501") == ["20260501.csv"]
    # The SHA-256 of "other" begins with these eight digits.
    assert paths("d9298a10") == ["20260501.csv"]
