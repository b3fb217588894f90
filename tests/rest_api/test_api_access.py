"""API addresses tried by other tenants and without a login: nobody sees or changes another's data."""

import uuid
from datetime import timedelta

import pytest
from api_asking import Asker, problem_of
from django.test import Client
from django.urls import reverse
from people import SERVER, key_of, station_of

from fleet.commands.models import Command
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.organizations.keys import api_key_find, api_key_revoke
from fleet.organizations.models import ApiKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
#: Addresses tried here (tests/isolation tries all of them): whose they are, and their methods.
ADDRESSES = {
    "openapi": ("open", {"get"}),
    "docs": ("open", {"get"}),
    "enrolments": ("open", {"post"}),
    "stations": ("fleet", {"get"}),
    "station": ("station", {"get", "patch"}),
    "series": ("station", {"get"}),
    "readings": ("station", {"get"}),
    "detections": ("station", {"get"}),
    "events": ("station", {"get"}),
    "ledger": ("station", {"get"}),
    "commands": ("station", {"get", "post"}),
    "command": ("station", {"get"}),
    "command-cancel": ("station", {"post"}),
    "completeness": ("fleet", {"get"}),
    "quarantine": ("fleet", {"get"}),
    "quarantine-replays": ("fleet", {"get", "post"}),
    "quarantine-message": ("message", {"get"}),
    "quarantine-body": ("message", {"get"}),
    "quarantine-replay": ("message", {"post"}),
    "quarantine-discard": ("message", {"post"}),
    "nothing": ("none", set()),
    "nothing-here": ("none", set()),
}
OF_STATIONS = sorted(name for name, (kind, _) in ADDRESSES.items() if kind == "station")


def address(name: str, station, command: object) -> str:
    arguments = {
        "readings": {"serial": station.serial, "name": "a/b:c"},
        "command": {"serial": station.serial, "command_id": command},
        "command-cancel": {"serial": station.serial, "command_id": command},
        "nothing-here": {"rest": "some/thing"},
    }
    plain = {"station": {"serial": station.serial}, "message": {"message_id": 1}}.get(ADDRESSES[name][0], {})
    return reverse(f"api:{name}", kwargs=arguments.get(name, plain))


@pytest.fixture
def command(station) -> Command:
    return command_issue(viewer=SERVER, station=station, name="ping", parameters={})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", sorted(n for n, (kind, _) in ADDRESSES.items() if kind != "open"))
def test_without_a_login_every_address_asks_for_one(station, command, name, method):
    response = getattr(Client(), method)(address(name, station, command.id))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert station.serial not in response.content.decode()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", OF_STATIONS)
def test_another_s_station_is_as_absent_as_one_that_does_not_exist(station, command, foreigner, name, method):
    def tried(where: str) -> tuple[int, str]:
        response = getattr(foreigner.client, method)(where)
        return response.status_code, response.content.decode()

    status, body = tried(address(name, station, command.id))
    absent = station.__class__(serial="SG-NONE")
    assert (status, body.replace(station.serial, "SG-NONE")) == tried(address(name, absent, uuid.uuid4()))
    allowed = ADDRESSES[name][1]
    if method in allowed or (method == "head" and "get" in allowed):
        assert status == 404
    else:
        assert status in (200, 405)
    command.refresh_from_db()
    assert command.state == "queued"
    assert Command.objects.count() == 1


@pytest.mark.parametrize("name", OF_STATIONS)
def test_a_stranger_s_session_is_told_the_same(station, command, stranger, name):
    client = Client(raise_request_exception=False)
    client.force_login(stranger.user)
    for method in ADDRESSES[name][1]:
        problem_of(getattr(client, method)(address(name, station, command.id)), 404)


def test_a_viewer_reads_with_a_session_and_cannot_send(station, viewer):
    client = Client()
    client.force_login(viewer.user)
    assert client.get(f"/api/v1/stations/{station.serial}").json()["name"] == "Old Cut"
    body = {"name": "ping"}
    problem_of(client.post(f"/api/v1/stations/{station.serial}/commands", body, content_type="application/json"), 403)
    assert not Command.objects.exists()


def test_a_session_cannot_send_without_its_csrf_token(station, operator):
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator.user)
    body = {"name": "ping"}
    response = client.post(f"/api/v1/stations/{station.serial}/commands", body, content_type="application/json")
    assert "CSRF" in problem_of(response, 403)["detail"]
    assert not Command.objects.exists()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer a.b c",
        "Bearer " + "ключ.ключ".encode().decode("latin-1"),
        "bearer a\x00.b",
        "Bearer " + "x" * 9000,
    ],
)
def test_a_key_that_is_none_is_refused_in_one_sentence(station, header):
    client = Client(headers={"Authorization": header}, raise_request_exception=False)
    assert "unknown, revoked or expired" in problem_of(client.get("/api/v1/stations"), 401)["detail"]


def test_revoked_and_expired_keys_are_refused_in_the_same_words(institute):
    revoked, expired = key_of(institute), key_of(institute)
    api_key_revoke(api_key=api_key_find(secret=revoked))
    ApiKey.objects.filter(prefix=expired.partition(".")[0]).update(expiry_date=clock.now() - timedelta(seconds=1))
    told = {problem_of(Asker(secret).get("stations"), 401)["detail"] for secret in (revoked, expired, "wrong")}
    assert len(told) == 1


def test_a_command_of_one_station_is_not_found_at_another(institute, station, command, writer):
    other = station_of(institute)
    problem_of(writer.get(f"stations/{other.serial}/commands/{command.id}"), 404)
    problem_of(writer.post(f"stations/{other.serial}/commands/{command.id}/cancel", {}), 404)
    command.refresh_from_db()
    assert command.state == "queued"


def test_a_method_that_an_address_lacks_is_a_problem_that_says_which_it_has(station, writer):
    response = writer.post(f"stations/{station.serial}", {})
    problem_of(response, 405)
    assert "GET" in response["Allow"]


def test_an_address_that_is_none_is_a_problem_and_no_page(reader):
    problem_of(reader.get("no/such/thing"), 404)


@pytest.mark.parametrize("serial", ["%00", "..", "a b", "ü", "x" * 500, "'--"])
def test_odd_serials_are_simply_not_there(reader, institute, serial):
    problem_of(reader.get(f"stations/{serial}"), 404)
