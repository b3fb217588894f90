"""The wall: the most urgent first, totals, new incidents, filters in the address, at the same cost for any fleet."""

import gzip
import re
from datetime import timedelta

import pytest
from django.test import Client
from people import station_of

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.stations.models import Station
from sg_status.pages.fleet.wall import NEWS_MOST, TILES_MOST

pytestmark = pytest.mark.django_db


def wall_of(client, query="", **options) -> str:
    answer = client.get(f"/wall/{query}", **options)
    assert answer.status_code == 200
    return answer.content.decode()


def plain(part: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def tiles_of(wall: str) -> list[tuple[str, str]]:
    """Class and text of each tile, in order."""
    (shown,) = re.findall(r'<ul class="tileset .*?</ul>', wall, re.DOTALL) or [""]
    return [(kind, plain(tile)) for kind, tile in re.findall(r'<li class="(\w+)">(.*?)</li>', shown, re.DOTALL)]


def news_of(wall: str) -> str:
    found = re.search(r'<section[^>]* class="open news".*?</section>', wall, re.DOTALL)
    return plain(found[0]) if found else ""


def incident_of(station, rule="health_battery", ago_min=20.0, **fields) -> Incident:
    began = clock.now() - timedelta(minutes=ago_min)
    return Incident.objects.create(
        organization=station.organization, station=station, rule=rule, sentence="Its battery is at 11.4 V.",
        began_at=began, opened_at=began, **fields,
    )  # fmt: skip


def test_silent_stations_come_first_and_each_tile_says_its_state_in_a_shape_and_a_word(browse, viewer, institute):
    station_of(institute, state="on_time", name="Fine")
    incident_of(station_of(institute, state="on_time", name="Weak"))
    station_of(institute, state="late", name="Slow")
    incident_of(station_of(institute, state="silent", name="Gone"))
    station_of(institute, name="New")
    wall = wall_of(browse(viewer))
    tiles = tiles_of(wall)
    assert [(kind, text.partition(" ")[0]) for kind, text in tiles] == [
        ("silent", "Gone"), ("late", "Slow"), ("check", "Weak"), ("gone", "New"), ("ok", "Fine"),
    ]  # fmt: skip
    assert tiles[0][1] == "Gone silent 5 h, battery low"
    assert tiles[2][1] == "Weak battery low 12 min ago"
    assert tiles[3][1] == "New never seen"
    shown = re.search(r'<ul class="tileset .*?</ul>', wall, re.DOTALL)[0]
    assert re.findall(r"#(\w+)\"", shown) == ["silent", "late", "check", "never", "ontime"]
    assert "<span>3 of 5 stations need attention</span>" in wall


def test_totals_filter_by_state_and_the_address_chooses_by_text_site_and_state(browse, viewer, institute):
    site = Site.objects.create(organization=institute, name="Marsh")
    there, earlier = station_of(institute, state="late", name="Here"), station_of(institute, state="late", name="Then")
    moment = clock.now()
    Deployment.objects.create(station=there, site=site, period=(moment - timedelta(days=1), None))
    Deployment.objects.create(
        station=earlier, site=site, period=(moment - timedelta(days=2), moment - timedelta(days=1))
    )
    station_of(institute, state="silent", name="Gone")
    client = browse(viewer)
    wall = wall_of(client)
    assert 'href="?state=silent"' in wall
    assert "3 all" in plain(wall)
    names = {query: [text.split()[0] for _kind, text in tiles_of(wall_of(client, query))] for query in (
        "?state=late", "?q=gon", f"?site={site.pk}", "?q=marsh", "?state=silent&q=here",
    )}  # fmt: skip
    assert list(names.values()) == [["Here", "Then"], ["Gone"], ["Here"], ["Here"], []]
    at_site = wall_of(client, f"?site={site.pk}&state=late")
    assert '<p class="crumb">Marsh</p>' in at_site
    assert f'href="/?site={site.pk}&amp;state=late"' in at_site
    listed = client.get(f"/?site={site.pk}").content.decode()
    assert f'href="/wall/?site={site.pk}"' in listed
    assert "Then" not in listed
    assert "No matching stations." in wall_of(client, "?q=nowhere")


def test_a_site_of_another_organization_does_not_exist(browse, viewer, stranger, institute, elsewhere):
    site = Site.objects.create(organization=elsewhere, name="Secret marsh")
    station_of(elsewhere, state="silent", name="Theirs")
    client = browse(viewer)
    assert client.get(f"/wall/?site={site.pk}").status_code == 404
    assert client.get(f"/wall/?site={site.pk + 1}").status_code == 404
    assert "Theirs" not in wall_of(client)
    assert [text.split()[0] for _kind, text in tiles_of(wall_of(browse(stranger)))] == ["Theirs"]


def test_new_incidents_stand_on_top_until_somebody_acknowledges_them(browse, viewer, institute, operator):
    stations = [station_of(institute, state="silent", name=f"Place {number}") for number in range(NEWS_MOST + 2)]
    incidents = [incident_of(one, "silence", 60.0 - number) for number, one in enumerate(stations)]
    client = browse(viewer)
    news = news_of(wall_of(client))
    assert news.startswith("5 incidents that nobody has acknowledged: Place 4 silent, 56 min ago Place 3 ")
    assert "Place 1" not in news
    assert news_of(wall_of(client, "?q=Place+1")).startswith("1 incident that nobody has acknowledged: Place 1 ")
    Incident.objects.filter(pk__in=[one.pk for one in incidents[1:]]).update(
        acknowledged_at=clock.now(), acknowledged_by_name="ann"
    )
    wall = wall_of(client)
    assert news_of(wall).startswith("1 incident that nobody has acknowledged: Place 0 silent, ")
    assert ["acknowledged by ann" in text for _kind, text in tiles_of(wall)] == [False, True, True, True, True]
    # A second incident at the same station, not yet acknowledged, puts it on top again.
    incident_of(stations[1])
    wall = wall_of(client)
    assert "acknowledged by ann" not in dict(enumerate(text for _kind, text in tiles_of(wall)))[1]
    assert "Place 1 battery low" in news_of(wall)
    Incident.objects.update(closed_at=clock.now())
    assert news_of(wall_of(client)) == ""


def test_a_fleet_that_does_not_fit_says_what_is_left_out_and_stays_light(browse, viewer, institute, queries_of):
    client = browse(viewer)
    station_of(institute, state="silent", name="A place with a long name 0")
    queries = queries_of(client, "/wall/")
    rest = TILES_MOST + 31
    Station.objects.bulk_create(
        Station(
            organization=institute, serial=f"SG-7F5ERPI4{number:04}", name=f"A place with a long name {number}",
            registered_at=clock.now(), asleep_until=clock.now() + timedelta(days=1) if number < 4 else None,
        )
        for number in range(rest)
    )  # fmt: skip
    for station in Station.objects.order_by("pk")[:TILES_MOST]:
        incident_of(station)
    wall = wall_of(client)
    assert len(tiles_of(wall)) == TILES_MOST
    assert tiles_of(wall)[0][1].startswith("A place with a long name 0 silent 5 h")
    assert "32 more stations do not fit on this screen: 28 never seen, 4 asleep by plan." in plain(wall)
    # With sheets and scripts, a first view has 50 kB on the wire.
    assert len(gzip.compress(wall.encode())) < 12_000
    assert queries_of(client, "/wall/") == queries
    assert "do not fit" not in plain(wall_of(client, "?q=name+1"))
    assert "27 more stations do not fit on this screen." in plain(wall_of(client, "?state=never_seen"))


def test_the_part_that_is_asked_for_again_is_the_whole_content_and_tells_the_title(browse, viewer, institute):
    station_of(institute, state="silent", name="Gone")
    client = browse(viewer)
    whole, part = wall_of(client), wall_of(client, headers={"HX-Request": "true"}).strip()
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in whole
    assert "<title>Your station needs attention · Roost</title>" in whole
    assert part.startswith('<div id="live" data-gap="600" data-title="Your station needs attention · Roost"')
    assert "<html" not in part
    assert tiles_of(part) == tiles_of(whole)


def test_who_is_not_logged_in_is_asked_to():
    assert Client().get("/wall/").headers["Location"] == "/login/?next=/wall/"
