"""The first steps of a new organization, and the page of a station that is joining."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from people import person, station_of

from fleet.alerts.first_steps import NAMED_MOST, first_steps_of
from fleet.alerts.models import Destination
from fleet.core import clock
from fleet.organizations.access import viewer_of_user
from fleet.stations.joining.claims import claim_open
from fleet.stations.joining.newcomers import newcomer_fetch
from fleet.stations.joining.progress import joining_progress
from fleet.stations.models import EnrolmentToken, Station, StationContact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


def shown(viewer):
    """The steps on the page as text, each with its class."""
    page = render_to_string(
        "sg_status/joining/first_steps.html",
        {"steps": first_steps_of(viewer=viewer), "user": viewer.user or AnonymousUser()},
    )
    assert "{{" not in page
    steps = re.findall(r'<li(?: class="(done|cur)")?>\s*<div', page)
    return steps, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_somebody_without_an_organization_begins_with_one():
    steps, words = shown(viewer_of_user(person("newcomer")))
    assert steps == ["cur", "", ""]
    assert "Create an organization" in words


def test_a_new_organization_sees_what_is_done(operator, institute):
    steps, words = shown(operator)
    assert steps == ["done", "cur", "done"]
    assert "Institute" in words
    assert "Alerts go to one address" in words
    assert "Add your first station" in words
    Destination.objects.filter(membership__organization=institute).update(is_on=False)
    steps, words = shown(operator)
    assert steps == ["done", "cur", ""]
    assert "Nobody is told when a station of Institute falls silent" in words


def test_a_viewer_is_told_who_can_add_stations(viewer):
    _steps, words = shown(viewer)
    assert "An operator of your organization can add the first one" in words
    assert "Add your first station" not in words


def test_stations_that_wait_are_named_and_one_that_was_heard_ends_it(operator, institute, stranger):
    made = [station_of(institute, name=f"Pier {n}") for n in range(NAMED_MOST + 2)]
    _steps, words = shown(operator)
    assert words.count("What it is waiting for") == NAMED_MOST
    assert "All stations never heard" in words
    assert "Pier" not in shown(stranger)[1]
    StationContact.objects.filter(station=made[0]).update(last_contact_at=clock.now())
    assert first_steps_of(viewer=operator) is None
    assert first_steps_of(viewer=stranger) is not None


def test_a_station_is_added_with_one_line_that_installs_and_enrols(browse, operator, institute):
    client = browse(operator)
    filled = {"organization": institute.pk, "serial": "SG-7F5ERPI46977", "name": "Rondeau Pier"}
    answer = client.post("/stations/add/", filled)
    page = answer.content.decode()
    token = re.search(r'id="enrol-token">([0-9a-f]{40})<', page)[1]
    line = re.search(r'id="install-line"><code>([^<]+)<', page)[1]
    assert f"sh station-agent.sh enrol --serial SG-7F5ERPI46977 --token {token}" in line
    assert "no-store" in answer["Cache-Control"]
    later = client.get("/stations/SG-7F5ERPI46977/joining/").content.decode()
    assert token not in later
    assert "Its token was shown once" in later
    assert "Make a new token" in later
    assert "<title>Connect Rondeau Pier" in re.sub(r"\s+", " ", later).replace("<title> ", "<title>")


def test_the_page_of_a_claimed_station_follows_it_until_it_is_heard(browse, operator, viewer, stranger, institute):
    client = browse(operator)
    _device, secret, code = claim_open(serial="SG-7F5ERPI46977", hardware={})
    done = client.post("/stations/claim/", {"code": code, "organization": institute.pk, "name": ""}, follow=True)
    address = "/stations/SG-7F5ERPI46977/joining/"
    assert done.redirect_chain == [(address, 302)]
    assert "Not heard yet" in done.content.decode()
    newcomer_fetch(secret=secret)
    part = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<li")
    assert "Its first report comes within a minute" in part
    EnrolmentToken.objects.update(used_at=clock.now() - timedelta(minutes=10))
    assert "station-agent status" in client.get(address).content.decode()
    station = Station.objects.get()
    moment = clock.now()
    StationContact.objects.filter(station=station).update(
        state="on_time", first_contact_at=moment, last_contact_at=moment, late_after=moment + timedelta(hours=1)
    )
    page = client.get(address).content.decode()
    assert "is connected" in page
    assert 'id="live" class="done"' in page
    assert client.get(address).content.decode().count("Make a new token") == 0
    assert browse(viewer).get(address).status_code == 200
    assert browse(stranger).get(address).status_code == 404


def test_a_device_with_the_station_s_earlier_login_does_not_end_the_wait(operator, institute):
    station = station_of(institute, state="on_time")
    moment = clock.now()
    token = EnrolmentToken.objects.create(
        station=station, token_hash="x", created_at=moment - timedelta(days=1), expires_at=moment + timedelta(days=1)
    )
    assert joining_progress(station=station).heard_at is None
    EnrolmentToken.objects.filter(pk=token.pk).update(used_at=moment - timedelta(minutes=1))
    progress = joining_progress(station=station)
    assert (progress.heard_at, progress.is_overdue) == (None, False)
    StationContact.objects.filter(station=station).update(last_contact_at=moment)
    station = Station.objects.select_related("contact").get(pk=station.pk)
    assert joining_progress(station=station).heard_at == moment
    EnrolmentToken.objects.filter(pk=token.pk).update(used_at=None, expires_at=moment)
    assert joining_progress(station=station).heard_at == moment, "nothing is waited for once the token has expired"
