"""The admin pages: all open, secrets are on none, and what only services may write cannot be written there."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from people import SERVER, key_of, station_of

from fleet.commands.services import command_issue
from fleet.core.admin import ReadOnlyAdmin
from fleet.organizations.models import Membership, Organization
from fleet.stations.enrolment import enrolment_token_create, token_hash
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db

OURS = sorted((m for m in admin.site._registry if m.__module__.startswith("fleet.")), key=str)


@pytest.fixture
def root(settings) -> Client:
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def page(model, action: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{action}", args=arguments)


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_every_list_opens_and_can_be_searched(root, institute, model):
    station = station_of(institute)
    enrolment_token_create(station=station, actor=SERVER)
    command_issue(viewer=SERVER, station=station, name="ping", parameters={})
    key_of(institute)
    assert root.get(page(model, "changelist")).status_code == 200
    assert root.get(page(model, "changelist"), {"q": "x"}).status_code == 200
    row = model._default_manager.first()
    if row is not None:
        assert root.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_what_services_write_cannot_be_written_here(root, model):
    if isinstance(admin.site._registry[model], ReadOnlyAdmin):
        assert root.get(page(model, "add")).status_code == 403


def test_no_page_shows_what_opens_anything(root, institute):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    row = station.enrolment_tokens.get()
    shown = root.get(page(type(row), "change", row.pk)).content.decode()
    assert token not in shown
    assert token_hash(token) not in shown


def test_a_station_s_serial_and_organization_stay(root, institute, elsewhere):
    station = station_of(institute)
    data = {"serial": "OTHER", "organization": elsewhere.pk, "name": "New name", "notes": ""}
    root.post(page(Station, "change", station.pk), data)
    station.refresh_from_db()
    assert (station.organization, station.name) == (institute, "New name")
    assert station.serial != "OTHER"


def test_an_organization_is_made_with_its_people(root):
    data = {
        "name": "Made here",
        "slug": "made-here",
        "timezone": "UTC",
        "language": "en",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": User.objects.get().pk,
        "memberships-0-role": "owner",
    }
    assert root.post(page(Organization, "add"), data).status_code == 302
    assert Membership.objects.get(organization__slug="made-here").role == "owner"


def test_people_who_are_no_staff_see_none_of_it(institute, owner):
    client = Client()
    client.force_login(owner.user)
    for model in OURS:
        assert client.get(page(model, "changelist")).status_code == 302
