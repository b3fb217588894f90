"""The page of outside systems: own stations only, a button for owners only, and failures in plain words."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from fleet.core.models import OutboxMessage
from fleet.organizations.models import Membership
from fleet.stations.models import StationContact
from fleet.sync.services import sync_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def browse():
    def log_in(station, role="viewer", **options):
        user = User.objects.create_user(f"{role} of {station.serial}")
        Membership.objects.create(
            user=user, organization=station.organization, role=role, created_at=datetime.now(tz=UTC)
        )
        client = Client(**options)
        client.force_login(user)
        return client

    return log_in


def test_it_says_what_motus_says_of_the_own_stations(motus, make_row, make_station, browse):
    ours, theirs = make_station("SG-1"), make_station("SG-THEIRS", organization="Strangers")
    motus.rows_set([make_row(1, "SG-1"), make_row(2, "SG-1", deploymentStatus="terminated", deploymentName="Weir")])
    sync_run(system="motus", started_by="root")
    motus.rows_set([make_row(1, "SG-1", deploymentName="<b>Pier</b>"), make_row(3, theirs.serial)])
    sync_run(system="motus", started_by="root")
    StationContact.objects.create(station=ours)
    asking = browse(ours)
    text = asking.get("/outside/").content.decode()
    assert "Motus lists SG-1 as active at &lt;b&gt;Pier&lt;/b&gt;, since 19 Nov 2016" in text
    assert "deploymentName changed from Heron Point to &lt;b&gt;Pier" in text
    assert "SG-THEIRS" not in text
    assert "root" not in text
    station_page = asking.get("/stations/SG-1/").content.decode()
    address = re.escape("https://motus.org/data/receiverDeployment?id=1")
    assert re.search(rf'<a href="{address}" rel="external noreferrer">\s*Station page on Motus', station_page)
    told = asking.get("/api/v1/stations/SG-1/outside").json()["results"]
    assert [each["address"] for each in told] == ["https://motus.org/data/receiverDeployment?id=1"]


def test_before_the_first_check_it_says_so(make_station, browse):
    text = browse(make_station("SG-1")).get("/outside/").content.decode()
    assert "has not been checked yet" in text
    assert "has not been asked about this station yet" in text


def test_a_failed_check_is_told_in_plain_words(motus, make_station, browse):
    motus.faults_set(html=True)
    sync_run(system="motus")
    text = browse(make_station("SG-1")).get("/outside/").content.decode()
    assert "The last check failed" in text
    assert "a web page instead of data" in text


def test_an_owner_presses_the_button(make_station, browse):
    client = browse(make_station("SG-1"), "owner")
    assert "Check Motus now" in client.get("/outside/").content.decode()
    answer = client.post("/outside/motus/check/", follow=True)
    assert "Motus is being checked" in answer.content.decode()
    assert OutboxMessage.objects.get().routing_key == "sync.run_system"


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_do_not(make_station, browse, role):
    client = browse(make_station("SG-1"), role)
    assert "Check Motus now" not in client.get("/outside/").content.decode()
    answer = client.post("/outside/motus/check/", follow=True)
    assert answer.status_code == 403
    assert "You need the owner role to check Motus." in answer.content.decode()
    assert not OutboxMessage.objects.exists()


def test_an_unknown_system_is_not_there(make_station, browse):
    client = browse(make_station("SG-1"), "owner")
    assert client.post("/outside/nosuch/check/").status_code == 404
    assert client.get("/outside/?system=nosuch").status_code == 404


def test_the_button_wants_a_post_and_a_token_of_ours(make_station, browse):
    client = browse(make_station("SG-1"), "owner", enforce_csrf_checks=True)
    assert client.get("/outside/motus/check/").status_code == 405
    assert client.post("/outside/motus/check/").status_code == 403


def test_nobody_who_is_not_logged_in_sees_it(client, db):
    assert client.get("/outside/").status_code == 302
    assert client.post("/outside/motus/check/").status_code == 302


def test_the_number_of_queries_does_not_grow(motus, make_row, make_station, browse, django_assert_max_num_queries):
    motus.rows_set([make_row(n, f"SG-{n}") for n in range(60)])
    stations = [make_station(f"SG-{n}") for n in range(50)]
    sync_run(system="motus", started_by="root")
    motus.rows_set([make_row(n, f"SG-{n}", deploymentName="Weir") for n in range(60)])
    sync_run(system="motus", started_by="root")
    client = browse(stations[0])
    with django_assert_max_num_queries(20):
        assert client.get("/outside/").status_code == 200


def test_a_list_in_doubt_is_taken_only_when_an_owner_says_that_it_is_right(motus, make_row, make_station, browse):
    client = browse(make_station("SG-1"), "owner")
    asked = client.post("/api/v1/outside/motus/check", {"take_short_list": True}, content_type="application/json")
    assert asked.status_code == 409
    motus.rows_set([make_row(number, f"SG-{number}") for number in range(30)])
    sync_run(system="motus", started_by="owner")
    assert "is right: use it" not in client.get("/outside/").content.decode()
    motus.rows_set([make_row(1, "SG-1")])
    sync_run(system="motus", started_by="owner")
    text = client.get("/outside/").content.decode()
    assert "Motus listed only 1 row instead of 30 as before, so nothing was changed" in text
    assert "The list with 1 row is right: use it" in text
    (told,) = client.get("/api/v1/outside").json()["results"]
    assert told["last"]["doubted_rows"] == 1
    answer = client.post("/outside/motus/check/", {"do": "take-short-list"}, follow=True)
    assert "Motus is being checked" in answer.content.decode()
    assert OutboxMessage.objects.get().body["believed_rows"] == 1
