"""Adding, enrolling, changing and revoking a station on the site."""

import re
from datetime import UTC, datetime

import pytest
from pages.busy_stations import EVIL
from people import serial_new, station_of

from fleet.core import clock
from fleet.stations.models import EnrolmentToken, Station

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


def test_adding_a_station_shows_its_token_once_with_the_line_to_type(browse, operator, institute):
    client, serial = browse(operator), serial_new()
    assert institute.name in client.get("/stations/add/").content.decode()
    answer = client.post("/stations/add/", {"serial": serial, "organization": institute.id, "name": "Kent"})
    page = answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    token = re.search(r'id="enrol-token">([^<]+)<', page)[1]
    assert "station-agent enrol --server http" in page
    assert f"--serial {serial} --token {token}" in page
    assert Station.objects.get(serial=serial).name == "Kent"
    assert token not in client.get(f"/stations/{serial}/settings/").content.decode()
    assert token not in str(EnrolmentToken.objects.values())


@pytest.mark.parametrize("serial", ["", "with space", "a.b", "#", EVIL, "x" * 65])
def test_a_serial_that_cannot_be_is_refused_with_a_sentence(browse, operator, institute, serial):
    answer = browse(operator).post("/stations/add/", {"serial": serial, "organization": institute.id})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert EVIL not in answer.content.decode()
    assert not Station.objects.exists()


def test_a_taken_serial_says_so_but_not_whose_it_is(browse, stranger, elsewhere, station):
    answer = browse(stranger).post("/stations/add/", {"serial": station.serial, "organization": elsewhere.id})
    page = answer.content.decode()
    assert "is already registered" in page
    assert "Institute" not in page


def test_nobody_adds_to_an_organization_that_is_not_theirs(browse, stranger, viewer, institute):
    data = {"serial": serial_new(), "organization": institute.id}
    assert (
        "You cannot add stations to this organization" in browse(stranger).post("/stations/add/", data).content.decode()
    )
    assert browse(viewer).post("/stations/add/", data).status_code == 403
    assert not Station.objects.exists()


def test_settings_are_saved(browse, operator, station):
    data = {
        "name": "Kent",
        "interval_hours": "6",
        "is_in_maintenance": "on",
        "asleep_until": "2027-03-01",
        "notes": "n",
    }
    answer = browse(operator).post(f"/stations/{station.serial}/settings/", data, follow=True)
    assert "The settings are saved" in answer.content.decode()
    station.refresh_from_db()
    assert (station.name, station.operator_interval_s, station.is_in_maintenance) == ("Kent", 21_600.0, True)
    assert station.asleep_until == datetime(2027, 3, 1, tzinfo=UTC)


def test_what_somebody_else_changed_meanwhile_stays(browse, operator, station):
    client = browse(operator)
    client.get(f"/stations/{station.serial}/settings/")
    Station.objects.filter(pk=station.pk).update(operator_interval_s=7200.0)
    client.post(f"/stations/{station.serial}/settings/", {"name": "Kent", "interval_hours": "2", "notes": ""})
    station.refresh_from_db()
    assert (station.name, station.operator_interval_s) == ("Kent", 7200.0)


@pytest.mark.parametrize(
    "data", [{"interval_hours": "0.001"}, {"interval_hours": "x"}, {"name": "x" * 121}, {"asleep_until": "soon"}]
)
def test_a_value_that_cannot_be_is_refused_at_its_field(browse, operator, station, data):
    answer = browse(operator).post(f"/stations/{station.serial}/settings/", data)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    station.refresh_from_db()
    assert station.name == "Old Cut"


@pytest.mark.parametrize("page", ["settings/", "settings/token/", "settings/revoke/", "settings/retire/"])
def test_changing_takes_the_role_and_the_own_organization(browse, viewer, stranger, station, page):
    address = f"/stations/{station.serial}/{page}"
    assert browse(viewer).post(address, {"name": "Mine"}).status_code == 403
    assert browse(stranger).post(address, {"name": "Mine"}).status_code == 404
    station.refresh_from_db()
    assert (station.name, station.retired_at) == ("Old Cut", None)
    assert not EnrolmentToken.objects.exists()


def test_a_new_token_ends_the_one_before(browse, operator, station):
    client = browse(operator)
    for _ in range(2):
        assert 'id="enrol-token"' in client.post(f"/stations/{station.serial}/settings/token/").content.decode()
    older, newer = EnrolmentToken.objects.order_by("id")
    assert older.expires_at <= newer.created_at < newer.expires_at


def test_revoking_asks_first_and_ends_open_tokens(browse, operator, station):
    client = browse(operator)
    client.post(f"/stations/{station.serial}/settings/token/")
    page = client.get(f"/stations/{station.serial}/settings/revoke/").content.decode()
    assert "Its connection is closed at once" in page
    assert "Revoke the login of Old Cut" in page
    answer = client.post(f"/stations/{station.serial}/settings/revoke/", follow=True)
    assert "is revoked" in answer.content.decode()
    token = EnrolmentToken.objects.get()
    assert token.expires_at <= clock.now()


def test_a_retired_station_leaves_the_fleet_but_not_the_site(browse, operator, station):
    client = browse(operator)
    answer = client.post(f"/stations/{station.serial}/settings/retire/", follow=True)
    assert "Retired on" in answer.content.decode()
    assert "Old Cut" not in client.get("/").content.decode()
    assert "Old Cut" in client.get("/?state=retired").content.decode()
    assert "accepts no commands" in client.get(f"/stations/{station.serial}/commands/").content.decode()


def test_a_quota_is_set_by_an_administrator_and_seen_by_members(browse, administrator, operator, station, client):
    client.force_login(administrator)
    where = f"/stations/{station.serial}/settings/"
    assert "Save the quota" in client.get(where).content.decode()
    wrong = client.post(f"{where}quota/", {"messages_per_s": "-1", "mb_per_hour": "1"})
    assert wrong.status_code == 200
    assert 'role="alert"' in wrong.content.decode()
    assert client.post(f"{where}quota/", {"messages_per_s": "2.5", "mb_per_hour": "0"}).status_code == 302
    station.refresh_from_db()
    assert (station.quota_messages_per_s, station.quota_bytes_per_hour) == (2.5, 0)
    seen = browse(operator).get(where).content.decode()
    assert "Save the quota" not in seen
    assert "<dd>2.50</dd>" in seen
    assert "no limit" in seen
    refused = browse(operator).post(f"{where}quota/", {"messages_per_s": "", "mb_per_hour": ""})
    assert refused.status_code == 403
    assert client.post(f"{where}quota/", {"messages_per_s": "", "mb_per_hour": ""}).status_code == 302
    station.refresh_from_db()
    assert (station.quota_messages_per_s, station.quota_bytes_per_hour) == (None, None)
    assert "no limit" not in browse(operator).get(where).content.decode()
