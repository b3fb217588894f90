"""The people of these tests, and a folder of their own for files."""

from pathlib import Path

import pytest
from people import elsewhere, english, institute, operator, owner, stranger, viewer

__all__ = ["elsewhere", "english", "institute", "operator", "owner", "stranger", "viewer"]


@pytest.fixture(autouse=True)
def files(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def static_files_as_they_lie(settings):
    """Pages are tested without collecting the static files first."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
