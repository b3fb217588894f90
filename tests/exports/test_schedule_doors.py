"""Packages that repeat, through the page without scripts, the API and the command line."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from exports.conftest import JULY, MAY
from people import key_of

from fleet.exports.models import PackageSchedule, ScheduledPart
from fleet.exports.schedules.services import schedule_add

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]
PAGE = "/organizations/institute/packages/schedules/"
API = "/api/v1/organizations/institute/export-schedules"


@pytest.fixture(autouse=True)
def files_here(settings, tmp_path):
    settings.ROOST_EXPORTS_FOLDER = str(tmp_path / "out")
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def client_of(who) -> Client:
    client = Client()
    client.force_login(who.user)
    return client


def keyed(institute, *, write=False) -> Client:
    return Client(headers={"Authorization": f"Bearer {key_of(institute, write=write)}"})


def test_the_page_adds_one_shows_its_parts_and_ends_it(station, operator):
    client = client_of(operator)
    assert "Nothing repeats yet." in client.get(PAGE).text
    told = {"name": "Season", "every": "month", "target": "folder", "kinds": ["readings"], "wanted": "csv"}
    page = client.post(PAGE, {**told, "since": "2026-05-01", "stations": [station.serial]}, follow=True)
    assert "It repeats from now on." in page.text
    schedule = PackageSchedule.objects.get()
    assert (schedule.next_start, schedule.station_ids, schedule.target) == (MAY, [station.pk], "folder")
    assert "No period is over yet." in client.get(f"{PAGE}{schedule.pk}/").text
    ScheduledPart.objects.create(
        schedule=schedule, start_at=MAY, end_at=JULY, reason="The disk is full.", next_at=JULY, revision=2
    )
    page = client.get(f"{PAGE}{schedule.pk}/").text
    assert "The disk is full." in page
    assert "file 2: rows came late" in page
    assert "There is a repeated package of this name already." in client.post(PAGE, told).text
    page = client.post(f"{PAGE}{schedule.pk}/remove/", follow=True)
    assert "It no longer repeats." in page.text
    assert not PackageSchedule.objects.exists()


def test_viewers_see_and_strangers_do_not(station, institute, operator, viewer, stranger):
    schedule = schedule_add(actor=operator, organization=institute, name="Season", every="day", target="page")
    client = client_of(viewer)
    page = client.get(PAGE).text
    assert "Season" in page
    assert "Only operators and owners can add one." in page
    assert client.post(PAGE, {"name": "x"}).status_code == 403
    assert client.post(f"{PAGE}{schedule.pk}/remove/").status_code == 403
    for place in (PAGE, f"{PAGE}{schedule.pk}/"):
        assert client_of(stranger).get(place).status_code == 404


def test_the_list_costs_the_same_with_many(station, institute, operator, viewer, django_assert_max_num_queries):
    client = client_of(viewer)
    counts = []
    for number in range(4):
        schedule = schedule_add(actor=operator, organization=institute, name=f"S{number}", every="day", target="page")
        ScheduledPart.objects.create(schedule=schedule, start_at=MAY, end_at=JULY)
        client.get(PAGE)
        with django_assert_max_num_queries(60) as asked:
            client.get(PAGE)
        counts.append(len(asked.captured_queries))
    assert len(set(counts)) == 1


def test_a_key_adds_follows_and_ends_one(station, institute):
    asked = {"name": "Season", "every": "week", "target": "folder", "since": MAY.isoformat(), "kinds": ["events"]}
    reading, writing = keyed(institute), keyed(institute, write=True)
    assert reading.post(API, json.dumps(asked), content_type="application/json").status_code == 403
    made = writing.post(API, json.dumps(asked), content_type="application/json")
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["next_from"], told["stations"], told["made"]) == ("2026-04-27T00:00:00Z", 0, 0)
    ScheduledPart.objects.bulk_create(
        ScheduledPart(schedule_id=told["id"], start_at=MAY + timedelta(days=7 * n), end_at=JULY, place=f"{n}.zip")
        for n in range(3)
    )
    assert reading.get(f"{API}/{told['id']}").json()["waiting"] == 3
    parts = reading.get(f"{API}/{told['id']}/parts", {"limit": 2}).json()
    assert [one["place"] for one in parts["results"]] == ["2.zip", "1.zip"]
    assert [one["place"] for one in reading.get(parts["next"]).json()["results"]] == ["0.zip"]
    assert [one["name"] for one in reading.get(API).json()["results"]] == ["Season"]
    assert reading.delete(f"{API}/{told['id']}").status_code == 403
    assert writing.delete(f"{API}/{told['id']}").status_code == 204
    wrong = writing.post(API, json.dumps({**asked, "target": "objects"}), content_type="application/json")
    assert "This server has these places: page, folder." in wrong.json()["detail"]


def test_the_command_line_adds_lists_and_ends_one(station, institute):
    def export(*words):
        out = StringIO()
        call_command("export", "schedule", *words, "--organization=Institute", stdout=out)
        return out.getvalue()

    said = export("add", "Season", "--every=month", "--target=folder", "--since=2026-05-01", "--kind=readings")
    assert said == "Season repeats every month from 2026-05-01 on.\n"
    (row,) = json.loads(export("list", "--json"))
    assert (row["name"], row["every"], row["target"], row["made"]) == ("Season", "month", "folder", 0)
    assert "Season" in export("list")
    assert "no longer repeats" in export("end", "Season")
    with pytest.raises(SystemExit):
        export("end", "Season")
