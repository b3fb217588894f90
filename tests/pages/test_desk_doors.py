"""Tokens for desks on the page, the command line and the API, and the warning that a plain token would end a live
login.
"""

import json
from datetime import timedelta

import pytest
from django.test import Client
from people import key_of, station_of

from fleet.core import clock
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential, EnrolmentToken, LoginPurpose

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    """A station on time with its own login, which the broker in this test does not know."""
    station = station_of(institute, state="on_time")
    for purpose, name, generation in ((LoginPurpose.STATION, "st", 1), (LoginPurpose.UPLOAD, "up", 2)):
        Credential.objects.create(
            station=station,
            generation=generation,
            username=f"{name}.{station.serial}.{generation}",
            issued_at=clock.now() - timedelta(days=1),
            purpose=purpose,
        )
    return station


def newest(station):
    return EnrolmentToken.objects.filter(station=station).order_by("-pk").first()


def test_the_page_makes_both_kinds_and_warns_of_one(browse, operator, station):
    client = browse(operator)
    address = f"/stations/{station.serial}/settings/"
    page = client.get(address).content.decode()
    assert "Create a desk token" in page
    assert "To read a card at a desk, use the next button." in page
    assert '<span class="serial">desk</span>' in page
    plain = client.post(f"{address}token/").content.decode()
    assert f"The last contact of {station.serial} was" in plain
    assert "ends its current login" in plain
    assert newest(station).purpose == "station"
    desk = client.post(f"{address}token/", {"purpose": "upload"}).content.decode()
    assert "ends its current login" not in desk
    assert f"--for-upload --config {station.serial}.toml" in desk
    assert newest(station).purpose == "upload"
    client.post(f"{address}desk/revoke/")
    works = Credential.objects.filter(revoked_at=None).values_list("purpose", flat=True)
    assert list(works) == ["station"]
    assert "Revoke the desk" not in client.get(address).content.decode()


def test_the_api_answers_with_purpose_and_warning(institute, station):
    headers = {"Authorization": f"Bearer {key_of(institute, write=True)}"}
    address = f"/api/v1/stations/{station.serial}/token"
    plain = Client().post(address, content_type="application/json", headers=headers)
    assert (plain.status_code, plain.json()["purpose"]) == (201, "station")
    assert "ends its current login" in plain.json()["warning"]
    desk = Client().post(address, {"purpose": "upload"}, "application/json", headers=headers)
    assert (desk.json()["purpose"], desk.json()["warning"]) == ("upload", "")
    assert newest(station).token_hash == token_hash(desk.json()["token"])
    wrong = Client().post(address, {"purpose": "admin"}, "application/json", headers=headers)
    assert wrong.status_code == 400


def test_the_command_line_warns_before_the_line_to_type(station, capsys):
    from django.core.management import call_command

    call_command("station", "token", station.serial)
    assert "ends its current login" in capsys.readouterr().out
    call_command("station", "token", station.serial, "--for-upload")
    told = capsys.readouterr().out
    assert "ends its current login" not in told
    assert "At the desk, type" in told
    call_command("station", "token", station.serial, "--json")
    assert "ends its current login" in json.loads(capsys.readouterr().out)["notes"][0]
