"""The page of keys: a secret is shown once, and viewers can only make keys for themselves."""

import pytest
from django.test import Client

from fleet.organizations.keys import api_key_find
from fleet.organizations.models import ApiKey

pytestmark = pytest.mark.django_db


def log_in(viewer) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(viewer.user)
    return client


def test_the_page_shows_a_secret_once_and_revokes(owner, institute):
    client = log_in(owner)
    page = f"/organizations/{institute.slug}/keys/"
    form = {"name": "logger", "whose": "machine", "may": "read", "stations": "", "expires": ""}
    shown = client.post(page, form)
    key = ApiKey.objects.get()
    secret = shown.context["made"]["secret"]
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert api_key_find(secret=secret) == key
    again = client.get(page).content.decode()
    assert secret not in again
    assert key.prefix in again
    assert client.post(f"{page}{key.prefix}/revoke/").status_code == 302
    assert api_key_find(secret=secret) is None


def test_the_page_of_a_viewer_makes_only_their_own(viewer, institute):
    client = log_in(viewer)
    page = f"/organizations/{institute.slug}/keys/"
    form = {"name": "mine", "whose": "mine", "may": "write"}
    assert "so your keys must be read-only" in client.post(page, form).content.decode()
    assert client.post(page, {**form, "whose": "machine"}).status_code == 403
    assert client.post(page, {**form, "may": "read"}).context["made"]
    assert ApiKey.objects.get().person == viewer.user
