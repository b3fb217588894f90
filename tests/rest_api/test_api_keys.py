"""Keys over the API: created by people, shown once, and the rows that a key for some stations gets."""

import pytest
from api_asking import Asker, problem_of
from django.test import Client
from people import station_of

from fleet.organizations.models import ApiKey
from fleet.stations.keys import api_key_create

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


def log_in(viewer) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(viewer.user)
    return client


@pytest.fixture
def where(institute) -> str:
    return f"/api/v1/organizations/{institute.slug}/keys"


def test_a_key_is_made_shown_once_listed_and_revoked(owner, where, station):
    client = log_in(owner)
    body = {"name": "gate", "is_read_only": False, "stations": [station.serial], "expires_at": "2190-01-01T00:00:00Z"}
    answer = client.post(where, body, content_type="application/json")
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    made = answer.json()
    asker = Asker(made["key"])
    assert [row["serial"] for row in asker.get("stations").json()["results"]] == [station.serial]
    (listed,) = client.get(where).json()["results"]
    assert "key" not in listed
    assert (listed["stations"], listed["state"], listed["last_used_from"]) == ([station.serial], "works", "127.0.0.1")
    assert client.delete(f"{where}/{made['prefix']}").status_code == 204
    problem_of(asker.get("stations"), 401)
    gone = client.get(f"{where}/{made['prefix']}").json()
    assert (gone["state"], gone["revoked_by"]) == ("revoked", "owner")


def test_a_repeated_order_makes_one_key_and_does_not_tell_its_secret_again(owner, where):
    client = log_in(owner)
    for status in (201, 409):
        answer = client.post(where, {"name": "x"}, content_type="application/json", headers={"Idempotency-Key": "1"})
        assert answer.status_code == status
    assert ApiKey.objects.count() == 1
    assert "key" not in answer.json()


def test_members_make_keys_of_their_own_and_a_key_makes_none(viewer, operator, where, writer):
    problem_of(log_in(operator).post(where, {"name": "x"}, content_type="application/json"), 403)
    mine = {"name": "x", "is_personal": True}
    made = log_in(viewer).post(where, mine, content_type="application/json")
    assert made.json()["person"] == "viewer"
    problem_of(writer.post(where.removeprefix("/api/v1/"), mine), 403)
    problem_of(log_in(viewer).post(where, {**mine, "is_read_only": False}, content_type="application/json"), 403)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x", "stations": []}, "stations"),
        ({"name": "x", "stations": ["SG-NOT-OURS"]}, "stations"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "role": "owner"}, "role"),
    ],
)
def test_what_is_wrong_is_named(owner, where, body, field):
    problem_of(log_in(owner).post(where, body, content_type="application/json"), 400, field)
    assert not ApiKey.objects.exists()


#: Lists over all stations; a key for one station gets its own rows from them, or none.
LISTS = (
    "stations", "completeness", "fidelity", "quarantine", "quarantine/replays", "groups", "tags", "models", "filters",
    "organizations",
)  # fmt: skip


def test_a_key_for_one_station_finds_no_other_in_any_list(institute, owner, station):
    other = station_of(institute, state="on_time", name="Zinnober")
    _key, secret = api_key_create(
        organization=institute, name="gate", is_read_only=False, actor=owner, serials=[station.serial]
    )
    asker = Asker(secret)
    for name in LISTS:
        answer = asker.get(name)
        assert answer.status_code in (200, 403), name
        assert other.serial not in answer.content.decode(), name
        assert "Zinnober" not in answer.content.decode(), name
    for tail in ("", "/series", "/events", "/detections", "/ledger", "/commands", "/hardware"):
        assert asker.get(f"stations/{station.serial}{tail}").status_code == 200
        problem_of(asker.get(f"stations/{other.serial}{tail}"), 404)
    problem_of(asker.get(f"organizations/{institute.slug}"), 404)
    assert asker.post(f"stations/{station.serial}/commands", {"name": "ping"}).status_code == 201
    problem_of(asker.post(f"stations/{other.serial}/commands", {"name": "ping"}), 404)
    body = {"organization": institute.slug, "serial": "SG-NEW1"}
    assert asker.post("stations", body).status_code in (403, 404)
