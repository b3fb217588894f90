"""The people, organizations and stations that tests use."""

import itertools
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.utils import translation

from fleet.core import clock
from fleet.organizations.access import Viewer, viewer_of_server, viewer_of_user
from fleet.organizations.models import Membership, Organization
from fleet.organizations.services import member_add, organization_create
from fleet.stations.keys import api_key_create
from fleet.stations.models import Station, StationContact
from fleet.stations.services import station_register

Role = Membership.Role
_numbers = itertools.count(1)

#: A broker login is valid for all its vhosts, so serials must differ between runs that share a broker.
RUN = os.environ.get("PYTEST_XDIST_WORKER", "main")

SERVER = viewer_of_server("test")


def serial_new() -> str:
    """A serial that no other test uses."""
    return f"SG-{RUN}-{os.getpid()}-{next(_numbers)}"


def person(name: str, *memberships: tuple[Organization, Membership.Role]) -> User:
    user = User.objects.create_user(name, f"{name}@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    for organization, role in memberships:
        member_add(organization=organization, user=user, role=role)
    return user


def key_of(organization: Organization, *, write: bool = False) -> str:
    return api_key_create(organization=organization, name="test", is_read_only=not write)[1]


def station_of(organization: Organization, *, state: str = "never_seen", **fields: object) -> Station:
    """A station in a contact state, as ingest and the sweeps would leave it."""
    station = station_register(actor=SERVER, organization=organization, serial=serial_new())
    Station.objects.filter(pk=station.pk).update(**fields)
    if state != "never_seen":
        ago = {"on_time": 0.2, "late": 2.0, "silent": 5.0}[state]
        last = clock.now() - timedelta(hours=ago)
        StationContact.objects.filter(station=station).update(
            state=state,
            first_contact_at=last,
            last_contact_at=last,
            announced_interval_s=3600.0,
            late_after=last + timedelta(hours=1.5),
            silent_after=last + timedelta(hours=3),
        )
    return Station.objects.select_related("organization", "contact").get(pk=station.pk)


@pytest.fixture
def institute(db) -> Organization:
    return organization_create(name="Institute", owner=None)


@pytest.fixture
def elsewhere(db) -> Organization:
    return organization_create(name="Elsewhere", owner=None)


@pytest.fixture
def owner(institute) -> Viewer:
    return viewer_of_user(person("owner", (institute, Role.OWNER)))


@pytest.fixture
def operator(institute) -> Viewer:
    return viewer_of_user(person("operator", (institute, Role.OPERATOR)))


@pytest.fixture
def viewer(institute) -> Viewer:
    return viewer_of_user(person("viewer", (institute, Role.VIEWER)))


@pytest.fixture
def stranger(elsewhere) -> Viewer:
    return viewer_of_user(person("stranger", (elsewhere, Role.OWNER)))


@pytest.fixture
def no_counters() -> Iterator[None]:
    """Throttles that count from zero."""
    from django.core.cache import cache

    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """A request in German leaves its language behind in the thread, so reset it around every test."""
    with translation.override("en"):
        yield
