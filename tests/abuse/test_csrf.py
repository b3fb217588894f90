"""Case 73: no page acts on a request that another site made."""

import pytest
from django.test import Client
from isolation.access_table import ANYONE, TABLE, listed
from isolation.matrix import place_of
from isolation.matrix_world import world
from isolation.tenants import filled

__all__ = ["world"]

pytestmark = pytest.mark.django_db

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
#: Mail programs post there without a cookie (RFC 8058): the signed address is the only credential, and a session adds
#: nothing to it (`alerts/test_mails_off.py`).
SIGNED = frozenset({"mails-off"})
FORMS = [
    (each, method)
    for each in listed()
    if not each.is_api and each.name not in SIGNED
    for method in TABLE[each.name].methods
    if method in UNSAFE
]
#: Without anonymous addresses: there the only credential is in the body, which no browser sends on its own.
CALLS = [
    (each, method)
    for each in listed()
    if each.is_api
    for method, rule in TABLE[each.name].methods.items()
    if method in UNSAFE and rule > ANYONE
]


def named(pair) -> str:
    return f"{pair[0].name}-{pair[1]}"


def client_of(world) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.own.people["owner"])
    return client


@pytest.mark.parametrize("pair", FORMS, ids=named)
def test_a_form_of_another_site_is_refused(world, pair):
    address, method = pair
    line = TABLE[address.name]
    place, body = place_of(address, line, world.own.values), filled(line.body, world.own.values) or {}
    send = getattr(client_of(world), method.lower())
    tries = {
        "without a token": {},
        "as text that is JSON": {"content_type": "text/plain"},
        "as JSON": {"content_type": "application/json"},
    }
    for what, options in tries.items():
        data = str(body) if options.get("content_type") == "text/plain" else body
        assert send(place, data, **options).status_code == 403, what


@pytest.mark.parametrize("pair", FORMS, ids=named)
def test_a_token_counts_only_from_our_own_origin(world, pair):
    address, method = pair
    line = TABLE[address.name]
    client = client_of(world)
    client.get("/")
    token = client.cookies["csrftoken"].value if "csrftoken" in client.cookies else "x" * 32
    headers = {"X-CSRFToken": token, "Origin": "https://elsewhere.example"}
    place = place_of(address, line, world.own.values)
    response = getattr(client, method.lower())(place, filled(line.body, world.own.values) or {}, headers=headers)
    assert response.status_code == 403


@pytest.mark.parametrize("pair", CALLS, ids=named)
def test_a_session_does_nothing_through_the_api_without_its_token(world, pair):
    address, method = pair
    line = TABLE[address.name]
    place, body = place_of(address, line, world.own.values), filled(line.body, world.own.values) or {}
    client = client_of(world)
    for options in ({"content_type": "application/json"}, {"content_type": "text/plain"}):
        data = body if "json" in options["content_type"] else str(body)
        assert getattr(client, method.lower())(place, data, **options).status_code == 403
