"""Acting on many stations at once: what became of each is said by name, and nobody changes what is not theirs."""

import csv
import io

import pytest
from people import station_of

from fleet.stations.models import Station, StationGroup, Tag

pytestmark = pytest.mark.django_db


def post(client, do, *stations, status=200, **more):
    filled = {"do": do, "station": [getattr(one, "serial", one) for one in stations], **more}
    answer = client.post("/many/", filled)
    assert answer.status_code == status
    return answer


def body(answer):
    return answer.content.decode()


@pytest.fixture
def stations(institute):
    return [station_of(institute, state="on_time", name=f"Place {number}") for number in range(3)]


def test_a_tag_is_added_to_the_ticked_and_each_is_named(browse, operator, stations, elsewhere):
    foreign = station_of(elsewhere, name="Not yours")
    page = body(post(browse(operator), "tag-add", *stations[:2], foreign, tag="solar"))
    assert "Add tag: done for 2 of 3" in page
    assert page.index(foreign.serial) < page.index("Place 0") < page.index("Place 1")
    assert "There is no such station that you may see." in page
    assert "Not yours" not in page
    assert set(Tag.objects.get().stations.all()) == set(stations[:2])


def test_a_viewer_is_told_for_each_that_the_role_is_missing_and_may_export(browse, viewer, stations):
    client = browse(viewer)
    page = body(post(client, "maintenance-begin", *stations))
    assert "done for 0 of 3" in page
    assert page.count("You need the operator role to change") == 3
    assert not Station.objects.filter(is_in_maintenance=True).exists()
    page = body(client.get("/"))
    assert "Export CSV" in page
    assert "Add tag" not in page


def test_all_that_match_means_the_filters_of_the_page(browse, operator, institute, stations):
    station_of(institute, state="late", name="Another")
    group = StationGroup.objects.create(organization=institute, name="Coast")
    post(browse(operator), "group-add", all="1", query="q=Place&page=2", to_group=group.pk)
    assert set(group.members.all()) == set(stations)


def test_maintenance_has_an_end_in_the_zone_of_the_page(browse, operator, stations):
    page = body(
        post(browse(operator), "maintenance-begin", *stations, until="2099-07-01T12:00", until_zone="America/Toronto")
    )
    assert "done for 3 of 3" in page
    ends = Station.objects.values_list("maintenance_until", flat=True).distinct()
    assert [f"{end:%Y-%m-%dT%H:%M}" for end in ends] == ["2099-07-01T16:00"]


@pytest.mark.parametrize(
    ("do", "more", "words"),
    [
        ("tag-add", {"tag": " "}, "Type a tag first."),
        ("tag-add", {"tag": "a,b"}, "A tag cannot contain a comma"),
        ("group-add", {}, "Choose a group first."),
        ("maintenance-begin", {"until": "soon"}, "Enter a time like"),
        ("nonsense", {}, "Select stations first"),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_choice_is_kept(browse, operator, stations, do, more, words):
    page = body(post(browse(operator), do, *stations, status=400, **more))
    assert "Nothing was changed" in page
    assert words in page
    assert page.count('type="hidden" name="station"') == 3


def test_nothing_ticked_and_too_many_are_said(browse, operator, stations, monkeypatch):
    client = browse(operator)
    assert "Select stations first" in body(post(client, "tag-add", tag="x", status=400))
    monkeypatch.setattr("fleet.stations.many.MANY_MOST", 2)
    assert "At most 2 stations" in body(post(client, "tag-add", *stations, tag="x", status=400))
    assert client.get("/many/").headers["Location"] == "/"


def test_the_export_has_the_chosen_stations_and_no_formulas(browse, viewer, institute, stations):
    Station.objects.filter(pk=stations[0].pk).update(name="=1+1")
    Tag.objects.create(organization=institute, name="solar").stations.add(stations[0])
    answer = post(browse(viewer), "csv", *stations[:2])
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["serial"] for row in rows] == sorted(station.serial for station in stations[:2])
    assert {row["name"]: row["tags"] for row in rows} == {"'=1+1": "solar", "Place 1": ""}
    assert {row["state"] for row in rows} == {"on_time"}
