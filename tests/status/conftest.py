"""The people in these tests, clients logged in as them, and a separate folder for files."""

from pathlib import Path

import pytest
from django.test import Client
from people import elsewhere, english, institute, no_counters, operator, owner, stranger, viewer

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


@pytest.fixture(autouse=True)
def files(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


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

    def client_of(who) -> Client:
        client = Client()
        client.force_login(who.user)
        return client

    return client_of
