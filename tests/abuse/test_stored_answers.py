"""Stored answers are given only to the caller they were made for, however the key header is written."""

import pytest
from django.core.cache import cache
from django.test import Client
from people import Role, key_of, person, station_of

from fleet.core.models import RequestDone
from fleet.organizations.access import viewer_of_user
from fleet.organizations.keys import api_key_revoke
from fleet.organizations.models import ApiKey, Membership
from fleet.stations.keys import api_key_create
from fleet.stations.models import StationNote

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

NOTED = {"text": "The mast leans."}


@pytest.fixture
def station(institute):
    return station_of(institute)


def note(station, client: Client, *, body=NOTED, key: str = "same", **headers: str):
    address = f"/api/v1/stations/{station.serial}/notes"
    return client.post(address, body, content_type="application/json", headers={"Idempotency-Key": key, **headers})


def personal_key(institute, owner) -> str:
    return api_key_create(organization=institute, name="p", is_read_only=False, actor=owner, is_personal=True)[1]


def bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


def test_the_same_key_gets_its_answer_again_however_the_header_is_written(institute, owner, station):
    secret = personal_key(institute, owner)
    first = note(station, bearer(secret))
    assert first.status_code == 201
    for written in (f"Bearer {secret}", f"bearer {secret}", f"BEARER   {secret}"):
        again = note(station, Client(headers={"Authorization": written}))
        assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
        assert again.json() == first.json()
    assert StationNote.objects.count() == 1


def test_a_revoked_key_gets_no_stored_answer(institute, owner, station):
    secret = personal_key(institute, owner)
    assert note(station, bearer(secret)).status_code == 201
    api_key_revoke(api_key=ApiKey.objects.get(), actor=owner)
    refused = note(station, bearer(secret))
    assert refused.status_code == 401
    assert "leans" not in refused.content.decode()


def test_a_key_whose_person_has_left_gets_no_stored_answer(institute, owner, station):
    other = viewer_of_user(person("second-operator", (institute, Role.OPERATOR)))
    secret = personal_key(institute, other)
    assert note(station, bearer(secret)).status_code == 201
    Membership.objects.filter(user=other.user).delete()
    assert note(station, bearer(secret)).status_code == 401


def test_a_wrong_secret_with_the_prefix_of_a_good_one_gets_none(institute, owner, station):
    secret = personal_key(institute, owner)
    assert note(station, bearer(secret)).status_code == 201
    assert note(station, bearer(secret[:-1] + ("a" if secret[-1] != "a" else "b"))).status_code == 401


def test_a_session_that_ended_and_a_page_of_another_site_get_none(institute, owner, station):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user)
    token = client.get("/login/") and client.cookies.get("csrftoken")
    token = token.value if token else client.get("/accounts/").wsgi_request.META["CSRF_COOKIE"]
    client.cookies["csrftoken"] = token
    first = note(station, client, **{"X-CSRFToken": token})
    assert first.status_code == 201
    assert note(station, client, **{"X-CSRFToken": token})["Idempotent-Replayed"] == "true"
    assert note(station, client).status_code == 403
    client.logout()
    client.cookies["csrftoken"] = token
    assert note(station, client, **{"X-CSRFToken": token}).status_code in (401, 403)


def test_two_keys_of_one_person_have_answers_of_their_own(institute, owner, station):
    first, second = personal_key(institute, owner), personal_key(institute, owner)
    assert note(station, bearer(first)).status_code == 201
    answer = note(station, bearer(second), body={"text": "It stands again."})
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer


def test_no_answer_is_stored_for_a_caller_without_a_login(institute):
    Client().post(
        "/api/v1/stations/claims",
        {"serial": "SG-A1"},
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    assert not RequestDone.objects.exists()


def test_answers_that_are_given_again_count_against_the_limit(institute, owner, settings, station):
    settings.ROOST_API_RATE = 5
    client = bearer(personal_key(institute, owner))
    statuses = [note(station, client).status_code for _ in range(12)]
    assert statuses[0] == 201
    assert statuses[-1] == 429


def test_the_limit_is_the_keys_however_the_header_is_written(institute, settings):
    settings.ROOST_API_RATE = 6
    secret = key_of(institute)
    written = [f"{word}{' ' * blanks}{secret}" for word in ("Bearer", "bearer", "BEARER") for blanks in (1, 2, 3)]
    statuses = [Client(headers={"Authorization": each}).get("/api/v1/stations").status_code for each in written]
    assert statuses == [200] * 6 + [429] * 3


def test_a_person_has_one_limit_with_all_their_keys(institute, owner, settings, station):
    settings.ROOST_API_RATE = 4
    clients = [bearer(personal_key(institute, owner)) for _ in range(3)]
    statuses = [client.get("/api/v1/stations").status_code for client in clients * 2]
    assert statuses == [200] * 4 + [429] * 2
    cache.clear()
    assert bearer(key_of(institute)).get("/api/v1/stations").status_code == 200


@pytest.mark.parametrize("path", ["stations", "organizations", "incidents", "nothing/here"])
def test_no_cache_keeps_a_private_answer_and_public_ones_may_be_kept(institute, path):
    answer = bearer(key_of(institute)).get(f"/api/v1/{path}")
    assert answer["Cache-Control"] == "no-store"
    assert Client().get(f"/api/v1/{path}")["Cache-Control"] == "no-store"
    for public in ("public/deployments", "openapi.json"):
        assert "no-store" not in Client().get(f"/api/v1/{public}").headers.get("Cache-Control", "")
