"""Groups, models, tags and saved views on the site."""

import pytest
from pages.busy_stations import EVIL
from people import station_of

from fleet.stations.models import ModelQuantity, SavedFilter, StationGroup, StationModel, Tag

pytestmark = pytest.mark.django_db


def body(answer):
    return answer.content.decode()


def test_a_station_gets_model_and_tags_in_its_settings_and_is_found_by_them(browse, operator, institute):
    client, station = browse(operator), station_of(institute, name="Old Cut")
    other = station_of(institute, name="Elsewhere")
    model = StationModel.objects.create(manufacturer="Strix", name="Watcher")
    answer = client.post(
        f"/stations/{station.serial}/settings/",
        {"name": "Old Cut", "model": model.pk, "tags": "Solar, north coast, solar", "notes": ""},
    )
    assert answer.status_code == 302
    page = body(client.get(f"/stations/{station.serial}/settings/"))
    assert 'value="Solar, north coast"' in page
    for query in ("tag=solar", f"model={model.pk}"):
        found = body(client.get(f"/?{query}"))
        assert "Old Cut" in found
        assert other.name not in found
    assert '<option value="Solar" selected>' in body(client.get("/?tag=solar"))
    assert "Strix Watcher" in body(client.get("/models/"))


def test_tags_that_cannot_be_are_refused_at_their_field_and_nothing_else_is_saved(browse, operator, institute):
    station = station_of(institute, name="Old Cut")
    answer = browse(operator).post(
        f"/stations/{station.serial}/settings/", {"name": "New", "tags": ",".join(map(str, range(21))), "notes": ""}
    )
    assert "at most 20 tags" in body(answer)
    station.refresh_from_db()
    assert (station.name, Tag.objects.count()) == ("Old Cut", 0)


def test_a_group_is_made_filled_changed_and_deleted(browse, operator, institute):
    client, station = browse(operator), station_of(institute, name="Old Cut")
    made = client.post("/groups/", {"organization": institute.pk, "name": "Lab", "rule": "", "value": ""})
    group = StationGroup.objects.get()
    assert made.headers["Location"] == f"/groups/{group.pk}/"
    client.post(f"/groups/{group.pk}/stations/", {"serial": station.serial})
    assert "Old Cut" in body(client.get(f"/groups/{group.pk}/"))
    assert "Old Cut" in body(client.get(f"/?group={group.pk}"))
    client.post(f"/groups/{group.pk}/stations/", {"serial": station.serial, "act": "remove"})
    assert "It has no stations." in body(client.get(f"/groups/{group.pk}/"))
    refused = client.post(f"/groups/{group.pk}/", {"name": "Lab", "rule": "address", "value": "10.0.0.300"})
    assert "is not a network" in body(refused)
    client.post(f"/groups/{group.pk}/", {"name": "Lab", "rule": "serial", "value": "SG-"})
    assert "by the rule" in body(client.get(f"/groups/{group.pk}/"))
    client.post(f"/groups/{group.pk}/delete/")
    assert "There are no groups yet." in body(client.get("/groups/"))


def test_a_model_of_ones_own_is_added_and_deleted(browse, operator, viewer, institute):
    client = browse(operator)
    told = {"organization": institute.pk, "manufacturer": "Strix", "name": "Owl", "kind": "air_quality"}
    refused = client.post("/models/", {**told, "quantities": "co2 ppm\n°C"})
    assert "is not a SenML name" in body(refused)
    client.post("/models/", {**told, "quantities": "co2 ppm 0..10000\n\ntemperature Cel -40.."})
    assert list(ModelQuantity.objects.filter(model__name="Owl").values_list("name", "unit", "least", "most")) == [
        ("co2", "ppm", 0, 10_000),
        ("temperature", "Cel", -40, None),
    ]
    model = StationModel.objects.get(name="Owl")
    assert browse(viewer).post(f"/models/{model.pk}/delete/").status_code == 403
    client.post(f"/models/{model.pk}/delete/")
    assert "The model Strix Owl is deleted." in body(client.get("/models/"))
    assert "Strix" not in body(client.get("/models/"))


def test_a_view_is_kept_offered_and_forgotten(browse, operator, institute):
    client = browse(operator)
    station_of(institute)
    assert client.post("/filters/", {"name": EVIL[:50], "query": "state=late&page=3"}).status_code == 302
    page = body(client.get("/"))
    assert "/?state=late" in page
    assert EVIL[:50] not in page
    kept = SavedFilter.objects.get()
    client.post(f"/filters/{kept.pk}/forget/")
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("query", ["group=x", "model=99999999999999999999999", "tag=%00", "state=nonsense"])
def test_an_address_that_asks_for_nonsense_shows_the_fleet(browse, viewer, institute, query):
    station = station_of(institute, name="Old Cut")
    answer = browse(viewer).get(f"/?{query}")
    assert answer.status_code == 200
    assert station.name in body(answer)


def test_more_groups_and_tags_cost_no_more_queries(browse, operator, institute, django_assert_max_num_queries):
    client = browse(operator)
    for number in range(6):
        StationGroup.objects.create(organization=institute, name=f"G{number}")
        Tag.objects.create(organization=institute, name=f"T{number}").stations.add(station_of(institute))
    with django_assert_max_num_queries(26):
        client.get("/")
    with django_assert_max_num_queries(10):
        client.get("/groups/")
    with django_assert_max_num_queries(10):
        client.get("/models/")
