"""The fixture of the matrix: both tenants, created once for a file and rolled back at its end."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from isolation.matrix import Actor, actors_of
from isolation.tenants import World, world_made

#: Serve static files from their sources, so that pages can be tested without `collectstatic`.
_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[World]:
    with (
        django_db_blocker.unblock(),
        override_settings(STORAGES={**settings.STORAGES, **_STATIC}),
        transaction.atomic(),
        world_made() as made,
    ):
        yield made
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def actors(world) -> list[Actor]:
    return actors_of(world)
