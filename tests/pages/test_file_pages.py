"""The page of a station's files, the same over the API, and their effect on completeness."""

import html
import re

import pytest
from django.test import Client
from people import key_of, person, station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.core import clock
from fleet.files.models import FileMove, StationFile
from fleet.organizations.models import Membership
from fleet.telemetry.completeness import CompletenessReport
from fleet.telemetry.models import FileSummary, StreamLedger

pytestmark = pytest.mark.django_db


def file_of(station, name, state="done", **figures):
    moment = clock.now()
    return StationFile.objects.create(
        station=station, name=name, base=name, state=state, said_at=moment if state else None,
        first_received_at=moment, last_received_at=moment, **figures,
    )  # fmt: skip


@pytest.fixture
def station(institute):
    station = station_of(institute, state="on_time", name="Old Cut")
    file_of(station, "good-all.txt", bytes_read=1000, bytes_taken=1000, lines_taken=10, rows=10)
    file_of(
        station,
        "bad-all.txt.gz",
        "refused",
        octets=5000,
        bytes_refused=5000,
        bytes_read=5000,
        is_damaged=True,
        reason="Its beginning is zeros.",
        refusals={"zeros": 3},
    )
    file_of(station, "unsaid-all.txt", "", rows=7)
    FileSummary.objects.create(
        station=station, files=2, files_refused=1, bytes_all=6000, bytes_taken=1000, bytes_refused=5000,
        received_at=clock.now(),
    )  # fmt: skip
    return station


@pytest.fixture
def client_of(institute):
    def make(role):
        client = Client()
        client.force_login(person(f"one-{role}", (institute, role)))
        return client

    return make


def get(client, station, query=""):
    answer = client.get(f"/stations/{station.serial}/files/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_file_is_on_the_page_with_its_reason(client_of, station):
    page = get(client_of(Membership.Role.VIEWER), station)
    for word in ("good-all.txt", "bad-all.txt.gz", "Its beginning is zeros.", "zeros: 3", "damaged", "unsaid-all.txt"):
        assert word in page
    assert "4.9 kB of its files could not be read." in page
    assert 'name="file"' not in page, "a viewer cannot select files"


def test_the_state_narrows_it_and_awkward_words_in_the_address_do_not_break_it(client_of, station):
    client = client_of(Membership.Role.VIEWER)
    page = get(client, station, "?state=refused")
    assert "bad-all" in page
    assert "good-all" not in page
    assert "unsaid-all" in get(client, station, "?state=")
    for query in ("?state=nothing", "?page=-1", "?page=99999", "?q=%00", "?q=a%25_%27", "?state=open"):
        get(client, station, query)


def test_the_page_takes_as_many_queries_for_a_thousand_files_as_for_three(
    client_of, station, django_assert_max_num_queries
):
    client = client_of(Membership.Role.OPERATOR)
    get(client, station)
    with django_assert_max_num_queries(50) as few:
        get(client, station)
    moment = clock.now()
    StationFile.objects.bulk_create(
        StationFile(
            station=station, name=f"{n}.txt", base=f"{n}.txt", first_received_at=moment, last_received_at=moment,
            moved_from=station,
        )
        for n in range(1000)
    )  # fmt: skip
    with django_assert_max_num_queries(50) as many:
        page = get(client, station)
    assert len(many) == len(few)
    (onward,) = set(re.findall(r'href="(\?after=[^"]*)"', page))
    with django_assert_max_num_queries(50) as later:
        second = get(client, station, html.unescape(onward))
    assert len(later) <= len(few)
    names = [set(re.findall(r"\b\d+\.txt\b", text)) for text in (page, second)]
    assert all(names)
    assert names[0].isdisjoint(names[1])


def test_an_operator_moves_files_after_a_look_at_what_that_does_and_undoes_it(client_of, station, institute):
    client, other = client_of(Membership.Role.OPERATOR), station_of(institute)
    file = StationFile.objects.get(name="good-all.txt")
    address, form = f"/stations/{station.serial}/files/move/", {"file": [file.pk], "to": other.serial}
    shown = client.post(address, form).content.decode()
    assert "good-all.txt" in shown
    assert "0 detections are moved." in shown
    file.refresh_from_db()
    assert file.station == station
    assert client.post(address, {**form, "confirmed": "yes"}).status_code == 302
    file.refresh_from_db()
    assert file.station == other
    assert f"moved here from {station.serial}" in get(client, other)
    move = FileMove.objects.get()
    client.post(f"/stations/{other.serial}/files/moves/{move.pk}/undo/")
    file.refresh_from_db()
    assert file.station == station


def test_a_wrong_target_or_no_file_is_told_on_the_page(client_of, station, elsewhere):
    client = client_of(Membership.Role.OPERATOR)
    file = StationFile.objects.get(name="good-all.txt")
    stranger = station_of(elsewhere)
    for form, told in (
        ({"file": [file.pk], "to": ""}, "Enter the station that the files belong to."),
        ({"file": [file.pk], "to": stranger.serial}, stranger.serial),
        ({"to": station.serial}, "The files already belong to this station."),
        ({"file": ["x", "99999999999999999999999"], "to": station.serial}, "The files already belong to this station."),
    ):
        answer = client.post(f"/stations/{station.serial}/files/move/", {**form, "confirmed": "yes"}, follow=True)
        (toast,) = re.findall(r'<p class="toast error">(.*?)</p>', answer.content.decode(), re.DOTALL)
        assert told in toast
    assert StationFile.objects.get(name="good-all.txt").station == station


def test_the_api_has_the_same(institute, station):
    client, key = Client(), key_of(institute, write=True)
    headers = {"Authorization": f"Bearer {key}"}
    address = f"/api/v1/stations/{station.serial}/files"
    answer = client.get(f"{address}?state=refused", headers=headers)
    assert answer.status_code == 200, answer.content
    (row,) = answer.json()["results"]
    assert (row["name"], row["state"], row["size"], row["bytes_refused"]) == ("bad-all.txt.gz", "refused", 5000, 5000)
    assert (row["refusals"], row["is_damaged"]) == ({"zeros": 3}, True)
    assert [one["name"] for one in client.get(f"{address}?state=unsaid", headers=headers).json()["results"]] == [
        "unsaid-all.txt"
    ]
    first = client.get(f"{address}?limit=2", headers=headers).json()
    rest = client.get(first["next"], headers=headers).json()
    assert len({one["id"] for one in first["results"] + rest["results"]}) == 3
    other = station_of(institute)
    body = {"files": [row["id"]], "to": other.serial}
    dry = client.post(f"{address}/moves", {**body, "dry_run": True}, "application/json", headers=headers)
    assert (dry.status_code, dry.json()) == (200, {"files": 1, "detections": 0, "positions": 0, "twins": 0, "left": 0})
    made = client.post(f"{address}/moves", body, "application/json", headers=headers)
    assert made.status_code == 201, made.content
    undo = f"{address}/moves/{made.json()['id']}/undo"
    assert client.post(undo, headers=headers).status_code == 200
    assert client.post(undo, headers=headers).status_code == 409
    assert len(client.get(f"{address}/moves", headers=headers).json()["results"]) == 1
    wrong = client.post(f"{address}/moves", {**body, "files": [2**62]}, "application/json", headers=headers)
    assert wrong.status_code == 400


def test_what_is_unread_or_refused_on_the_station_is_not_home(client_of, institute, station, operator):
    whole = Multirange([Range(1, 11)])
    moment = clock.now()
    StreamLedger.objects.create(
        station=station, stream="a", received=whole, oldest_seq=1, next_seq=11, first_at=moment, last_at=moment
    )
    report = CompletenessReport(viewer=operator)
    (row,) = report.part(offset=0, limit=10)
    assert (row.percent, row.file_bytes, row.file_bytes_refused) == (16.66, 6000, 5000)
    totals = report.totals()
    assert (totals.complete, totals.percent) == (0, 16.66)
    FileSummary.objects.update(bytes_refused=0, bytes_unread=1)
    (row,) = report.part(offset=0, limit=10)
    assert row.percent == 99.98
    FileSummary.objects.update(bytes_unread=0)
    assert CompletenessReport(viewer=operator).totals().complete == 1
    StreamLedger.objects.all().delete()
    FileSummary.objects.update(bytes_unread=3000)
    (row,) = CompletenessReport(viewer=operator).part(offset=0, limit=10)
    assert row.percent == 50.0, "only files are known"
    page = client_of(Membership.Role.VIEWER).get("/completeness/").content.decode()
    assert "2.9 kB of the stations" in page
    key = {"Authorization": f"Bearer {key_of(institute)}"}
    (told,) = Client().get("/api/v1/completeness", headers=key).json()["results"]
    assert (told["percent"], told["file_bytes_unread"]) == (50.0, 3000)


def test_sums_near_two_to_the_63_do_not_break_the_report(operator, institute):
    for _n in range(3):
        FileSummary.objects.create(station=station_of(institute), files=1, bytes_all=2**62, bytes_unread=2**62,
                                   received_at=clock.now())  # fmt: skip
    report = CompletenessReport(viewer=operator)
    assert report.totals().file_bytes == 9 * 10**18
    assert [row.percent for row in report.part(offset=0, limit=10)] == [0.0, 0.0, 0.0]
