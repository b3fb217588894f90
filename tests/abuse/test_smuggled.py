"""Case 72: extra fields in a body change nothing that the caller may not change, and no header or field overrides the
method.
"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from isolation.access_table import ANYONE, TABLE, Address, listed
from isolation.matrix import SAFE, place_of
from isolation.matrix_world import world
from isolation.tenants import World, filled

from fleet.organizations.models import ApiKey, Membership
from fleet.stations.models import Station

__all__ = ["world"]

pytestmark = pytest.mark.django_db

#: Fields that a caller might try to set, in addition to those that a form or resource accepts.
WANTED = {
    "id": 1,
    "pk": 1,
    "project": "x",
    "is_staff": True,
    "is_superuser": True,
    "is_active": True,
    "user": 1,
    "user_id": 1,
    "owner": 1,
    "generation": 999,
    "registered_at": "2000-01-01T00:00:00Z",
    "hashed_key": "x",
    "prefix": "x",
}
UNSAFE = [(each, method) for each in listed() for method in TABLE[each.name].methods if method not in SAFE]
READ = [each for each in listed() if TABLE[each.name].methods.get("GET", ANYONE) > ANYONE]


def named(value: Any) -> str:
    return value.name if isinstance(value, Address) else f"{value[0].name}-{value[1]}"


def owner_of(world: World, **options: Any) -> Client:
    client = Client(raise_request_exception=False, **options)
    client.force_login(world.own.people["owner"])
    cache.clear()
    return client


def guarded() -> dict[tuple[str, object], tuple[object, ...]]:
    """Values of the fields that no body may change, by row."""
    people = User.objects.values_list("pk", "is_staff", "is_superuser")
    keys = ApiKey.objects.values_list("pk", "hashed_key", "organization_id")
    return {("person", row[0]): row for row in people} | {("key", row[0]): row for row in keys}


def gained(world: World) -> list[object]:
    """Rows that exist only if somebody gained rights or data that nobody gave them."""
    foreign = world.foreign.organization.pk
    return [
        *User.objects.exclude(pk=world.administrator.pk).filter(is_superuser=True),
        *User.objects.exclude(pk=world.administrator.pk).filter(is_staff=True),
        *Station.objects.filter(generation=999),
        *Station.objects.filter(registered_at__year=2000),
        *Membership.objects.filter(organization_id=foreign, user__in=[user.pk for user in world.own.people.values()]),
        *Station.objects.filter(organization_id=foreign).exclude(pk__in=[one.pk for one in world.foreign.stations]),
    ]


@pytest.mark.parametrize("pair", UNSAFE, ids=named)
def test_a_body_that_wants_more_gets_no_more(world, pair):
    address, method = pair
    line = TABLE[address.name]
    told = filled(line.body, world.own.values)
    foreign = {
        "organization": world.foreign.values["slug"],
        "organization_id": world.foreign.values["organization_id"],
        "station": world.foreign.values["serial"],
    }
    body = {**WANTED, **foreign, **(told if isinstance(told, dict) else {})}
    before = guarded()
    options = {"content_type": "application/json"} if address.is_api or method != "POST" else {}
    send = getattr(owner_of(world), method.lower())
    response = send(place_of(address, line, world.own.values), body, **options)
    assert response.status_code < 500, response.content
    after = guarded()
    assert {row: after[row] for row in before if row in after} == {row: before[row] for row in before if row in after}
    assert gained(world) == []


@pytest.mark.parametrize("address", READ, ids=named)
def test_no_header_or_parameter_makes_another_method_of_a_request(world, address):
    place = place_of(address, TABLE[address.name], world.own.values)
    plain = owner_of(world).get(place)
    before = guarded()
    headers = dict.fromkeys(("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"), "DELETE")
    answer = owner_of(world, headers=headers).get(place)
    assert answer.status_code == plain.status_code
    assert guarded() == before
    assert Station.objects.filter(pk=world.own.stations[0].pk, retired_at=None).exists()
    assert post_and_undo(world, place, headers=headers) == post_and_undo(world, place)


def post_and_undo(world: World, place: str, **options: Any) -> int:
    """Status of a POST that is rolled back."""
    point = transaction.savepoint()
    status = owner_of(world, **options).post(place, {"_method": "DELETE"}).status_code
    transaction.savepoint_rollback(point)
    return status
