"""A tag's page has its name at Motus, and a map of where its stations stood when they heard it."""

import gzip
from datetime import timedelta

import pytest
from django.urls import reverse
from pages.test_detection_pages import hear
from people import station_of

from fleet.core import clock
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.sync.models import MotusAccount, MotusTag
from fleet.telemetry.heard import places

pytestmark = pytest.mark.django_db
TAG = "78664C33"


@pytest.fixture
def station(institute):
    return station_of(institute, name="Old Cut")


@pytest.fixture
def shown(browse, viewer):
    client = browse(viewer)
    return lambda query="": " ".join(client.get(reverse("heard-tag", args=[TAG]) + query).content.decode().split())


def site(institute, owner, name, latitude, longitude):
    return site_create(organization=institute, actor=owner, name=name, latitude=latitude, longitude=longitude)


def test_a_station_that_moved_is_shown_where_it_was_when_it_heard_the_tag(shown, station, institute, owner):
    now = clock.now()
    old, new = site(institute, owner, "Weir", 42.5, -80.1), site(institute, owner, "Pier", 43.5, -79.1)
    deployment_begin(station=station, site=old, actor=owner, at=now - timedelta(days=9))
    hear(station, TAG, back=24 * 5)
    page = shown()
    assert "Weir, first heard" in page
    assert len(gzip.compress(page.encode())) < 50_000
    deployment_begin(station=station, site=new, actor=owner, at=now - timedelta(days=3))
    assert "Pier, first heard" not in shown()
    hear(station, TAG, back=24)
    page = shown()
    assert ("Weir, first heard" in page, "Pier, first heard" in page, 'class="track"' in page) == (True, True, True)


def test_without_a_place_it_says_what_to_do(shown, station):
    hear(station, TAG)
    page = shown()
    assert "No station that heard it had a deployment with a place then." in page
    assert "<svg" not in page.partition("Where it was heard")[2].partition("Stations that heard it")[0]


def test_places_of_others_are_not_on_the_map(shown, station, institute, elsewhere, owner, stranger):
    other = station_of(elsewhere)
    mine = site(institute, owner, "Weir", 42.5, -80.1)
    theirs = site_create(organization=elsewhere, actor=stranger, name="Secret", latitude=10.0, longitude=10.0)
    for each, place, actor in ((station, mine, owner), (other, theirs, stranger)):
        deployment_begin(station=each, site=place, actor=actor, at=clock.now() - timedelta(days=9))
        hear(each, TAG)
    page = shown()
    assert "Weir, first heard" in page
    assert "Secret" not in page


def test_beyond_the_most_places_it_says_how_many_are_left_out(shown, station, institute, owner, monkeypatch):
    monkeypatch.setattr(places, "PLACES_MOST", 1)
    now = clock.now()
    for days, name in ((9, "Weir"), (3, "Pier")):
        place = site(institute, owner, name, 42.5 + days, -80.1)
        deployment_begin(station=station, site=place, actor=owner, at=now - timedelta(days=days))
        hear(station, TAG, back=24 * days - 2)
    page = shown()
    assert "Weir, first heard" in page
    assert "One later place is not on the map." in page


def test_its_name_at_motus_is_shown_to_members(shown, browse, stranger, station, institute, elsewhere):
    account = MotusAccount.objects.create(organization=institute, login="warbler")
    MotusTag.objects.create(account=account, number=1, project_id=1, code=TAG.lower(), match_name=TAG, name="Dunlin #1")
    hear(station, TAG)
    hear(station_of(elsewhere), TAG)
    assert "Dunlin #1" in shown()
    assert "Dunlin" not in browse(stranger).get(reverse("heard-tag", args=[TAG])).content.decode()
