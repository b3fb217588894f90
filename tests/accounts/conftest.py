"""A person with an account, browsers, and the mails that were sent."""

import re

import pytest
from accounts.plovers import PASSWORD
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from people import SERVER, elsewhere, english, institute, operator, owner, stranger, viewer

from fleet.organizations.people import person_add

__all__ = ["elsewhere", "english", "institute", "operator", "owner", "stranger", "viewer"]


@pytest.fixture(autouse=True)
def static_files_as_they_lie(settings):
    """Serve static files from their sources, so that pages can be tested without `collectstatic`."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def brakes_off():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def plover(db) -> User:
    return person_add(actor=SERVER, username="plover", email="plover@example.org", password=PASSWORD)


@pytest.fixture
def log_in():
    def make(login="plover", password=PASSWORD, client=None, **fields):
        client = client or Client()
        return client, client.post("/login/", {"login": login, "password": password, **fields})

    return make


@pytest.fixture
def link(mailoutbox):
    """Return the path of the link in a mail, the last one by default, after checking that it leads to the site."""

    def read(number=-1):
        (url,) = re.findall(r"https?://\S+/accounts/(?:confirm|password)/\S+/", mailoutbox[number].body)
        from django.conf import settings

        assert url.startswith(settings.SITE_URL + "/")
        return url.removeprefix(settings.SITE_URL)

    return read


@pytest.fixture
def app(plover) -> str:
    """The secret of plover's authenticator app."""
    secret = generate_totp_secret()
    TOTP.activate(plover, secret)
    return secret


@pytest.fixture
def recovery_codes(plover, app) -> list[str]:
    return RecoveryCodes.activate(plover).get_unused_codes()
