"""Case 81: an expensive request is refused, capped or cut off, and leaves the connection usable."""

from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.test import Client
from isolation.matrix_world import world

from fleet.stations.models import Station

__all__ = ["world"]

pytestmark = pytest.mark.django_db

CENTURY = "from=1970-01-01T00:00:00Z&to=2070-01-01T00:00:00Z"
API = [
    "stations/{serial}/detections?" + CENTURY,
    "stations/{serial}/detections?" + CENTURY + "&limit=1000000000",
    "stations/{serial}/series/{series}/readings?" + CENTURY,
    "stations/{serial}/series/{series}/readings?" + CENTURY + "&every=1s",
    "stations/{serial}/series/{series}/readings?" + CENTURY + "&every=3660d&limit=1000000000",
    "stations/{serial}/events?limit=1000000000",
    "stations/{serial}/commands?limit=1000000000",
    "quarantine?" + CENTURY + "&limit=1000000000",
    "quarantine?limit=-1",
    "stations?limit=1000000000",
    "stations?page_size=1000000000&page=1000000000",
    "stations?search=(a%2B)%2B%24",
    "stations?search=%25%25%25%25%25%25%25%25%25%25%25%25",
    "stations?search=" + "a" * 5_000,
    "stations?sort=notes",
    "stations?sort=organization__memberships__user__password",
    "stations?cursor=" + "A" * 5_000,
    "completeness?limit=1000000000",
]
PAGES = [
    "/?q=" + "%25_" * 40,
    "/?page=1000000000",
    "/?page=-1",
    "/?sort=organization__memberships__user__password",
    "/completeness/?page=99999999999999999999&sort=-x",
    "/quarantine/?page=1e9&from=0001-01-01T00:00&to=9999-12-31T23:59",
    "/stations/{serial}/data/?from=0001-01-01&to=9999-12-31",
    "/stations/{serial}/detections/?from=0001-01-01&to=9999-12-31",
    "/stations/{serial}/events/?page=1000000000",
]
MOST_ROWS = 10_000


@pytest.fixture
def asker(world):
    client = Client(
        raise_request_exception=False, headers={"Authorization": f"Bearer {world.own.keys['read-only key']}"}
    )
    return lambda address: client.get("/api/v1/" + address.format(**world.own.values))


@pytest.fixture
def browse(world):
    client = Client(raise_request_exception=False)
    client.force_login(world.own.people["viewer"])
    return lambda address: client.get(address.format(**world.own.values))


@pytest.mark.parametrize("address", API, ids=lambda address: address[:60])
def test_a_program_that_asks_for_everything_gets_a_part_or_a_reason(asker, address):
    answer = asker(address)
    assert answer.status_code in (200, 400), answer.content
    if answer.status_code == 200:
        body = answer.json()
        assert len(body.get("results", [])) <= MOST_ROWS
    else:
        assert answer.json()["errors"][0]["field"]


@pytest.mark.parametrize("address", PAGES, ids=lambda address: address[:60])
def test_a_page_that_is_asked_for_everything_is_still_a_page(browse, address):
    answer = browse(address)
    assert answer.status_code in (200, 404)
    assert len(answer.content) < 300_000


@contextmanager
def slow_stations():
    """Make every query about stations take longer than the database allows."""

    def wrapped(execute, sql, params, many, context):
        if '"stations_station"' in sql:
            # A savepoint, because the test's transaction must continue; a real request has no transaction around it.
            with transaction.atomic():
                execute("SET LOCAL statement_timeout = '60ms'", None, False, context)
                execute("SELECT pg_sleep(30)", None, False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapped):
        yield


def test_programs_are_told_that_the_database_cut_off_a_query(asker):
    with slow_stations():
        answer = asker("stations")
    assert answer.status_code == 503
    assert "took too long" in answer.json()["detail"]
    assert asker("stations").status_code == 200


def test_what_the_database_cut_off_leaves_the_site_usable(browse, world):
    with slow_stations():
        answer = browse("/")
    assert answer.status_code == 503
    assert Station.objects.filter(organization=world.own.organization).count() == 2
    assert browse("/").status_code == 200
