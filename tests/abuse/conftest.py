"""The people in these tests."""

import pytest
from people import elsewhere, english, institute, no_counters, operator, owner, stranger, viewer

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


@pytest.fixture(autouse=True)
def static_files_as_they_lie(settings):
    """Serve static files from their sources, so that pages can be tested without `collectstatic`."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
