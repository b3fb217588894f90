"""The people in these tests, clients logged in as them, and a station with some data of every kind."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pages.busy_stations import busy_make
from people import elsewhere, english, institute, no_counters, operator, owner, stranger, viewer

from fleet.organizations.models import Organization
from fleet.stations.models import Station

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


@pytest.fixture(autouse=True)
def static_files_as_they_lie(settings):
    """Serve static files from their sources, so that pages can be tested without `collectstatic`."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def browse():
    """Log a client in as a viewer."""

    def client_of(who, **options) -> Client:
        client = Client(**options)
        client.force_login(who.user)
        return client

    return client_of


@pytest.fixture
def administrator(db):
    return User.objects.create_superuser("administrator", "", "a long password")


@pytest.fixture
def busy(institute: Organization) -> Station:
    """A station with some data of every kind, each containing an attempt to inject script."""
    return busy_make(institute)


@pytest.fixture
def queries_of(django_assert_max_num_queries):
    """Count the queries of a request for an address."""

    def count(client: Client, address: str) -> int:
        with django_assert_max_num_queries(200) as asked:
            assert client.get(address).status_code == 200
        assert connection.connection is not None
        return len(asked.captured_queries)

    return count
