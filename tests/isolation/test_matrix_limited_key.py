"""A key for one station, at every API address with every method: it sees and changes nothing else."""

from http.cookies import SimpleCookie

import pytest
from django.test import Client
from isolation.access_table import ANYONE, TABLE, listed
from isolation.matrix import METHODS, Actor, ask, named_values, place_of, writes_count_from_now
from isolation.matrix_world import world
from isolation.tenants import filled
from people import english

from fleet.organizations.models import Organization
from fleet.stations.keys import api_key_create
from fleet.stations.models import Station

__all__ = ["english", "world"]

pytestmark = pytest.mark.django_db

ASKED = [each for each in listed() if each.is_api]


@pytest.fixture(scope="module")
def holder(world) -> Actor:
    """A key limited to one station. Neither that station nor its organization contains the tenant's word, so a response
    with the word shows something that the key must not reach.
    """
    own = world.own
    Organization.objects.filter(pk=own.organization.pk).update(name="Its organization")
    Station.objects.filter(pk=own.stations[1].pk).update(name="Within reach", notes="")
    _key, secret = api_key_create(
        organization=own.organization, name="limited", is_read_only=False, serials=[own.stations[1].serial]
    )
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})
    writes_count_from_now()
    return Actor("limited key", ANYONE, client, (), SimpleCookie(), is_key=True)


@pytest.mark.parametrize("address", ASKED, ids=lambda address: address.name)
def test_a_key_for_one_station_reaches_nothing_else(world, holder, address):
    line, faults = TABLE[address.name], []
    for method in METHODS:
        rule = line.methods.get("GET" if method == "HEAD" else method)
        place = place_of(address, line, world.own.values)
        answer = ask(holder, address, method, place, body=filled(line.body, world.own.values))
        told = f"{method} {place} answered {answer.status}"
        if answer.status >= 500:
            faults.append(f"{told}: {answer.body[:200]}")
        if world.own.word in answer.body or world.foreign.word in answer.body:
            faults.append(f"{told} and shows what is out of reach")
        is_open = rule is None or rule == ANYONE or method == "OPTIONS"
        if named_values(address, line) and not is_open and answer.status not in (403, 404):
            faults.append(f"{told}, not 403 or 404")
        if "serial" in address.parameters and not is_open and answer.status != 404:
            faults.append(f"{told}, not 404")
        if answer.changed and rule != ANYONE:
            faults.append(f"{told} and changed {', '.join(answer.changed)}")
    assert "\n".join(faults) == ""


def test_it_does_reach_its_own_station(world, holder):
    serial = world.own.stations[1].serial
    assert holder.client.get(f"/api/v1/stations/{serial}").json()["serial"] == serial
    found = holder.client.get("/api/v1/stations").json()["results"]
    assert [each["serial"] for each in found] == [serial]
