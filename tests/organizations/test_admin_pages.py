"""The admin pages: every one opens, none shows secrets, and none can write what only services may write."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from people import SERVER, key_of, station_of

from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.admin import ReadOnlyAdmin
from fleet.core.models import AuditEntry
from fleet.deployments.models import Site
from fleet.organizations.models import ApiKey, Membership, Organization
from fleet.stations.logins.enrolment import enrolment_token_create, token_hash
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


def test_no_page_here_goes_around_the_rules_of_people(root, institute, owner):
    """The admin cannot remove the last owner or the last administrator, nor change the audit log."""
    member = Membership.objects.get(user=owner.user)
    key_of(institute)
    key, admin_person, before = ApiKey.objects.get(), User.objects.get(username="root"), AuditEntry.objects.count()
    role = {
        "name": "Other",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": member.pk,
        "memberships-0-user": owner.user.pk,
        "memberships-0-role": "viewer",
        "memberships-0-DELETE": "on",
    }
    tries = [
        (page(Organization, "change", institute.pk), role),
        (page(Organization, "add"), {"name": "Made here", "slug": "made-here"}),
        (page(Organization, "delete", institute.pk), {"post": "yes"}),
        (page(User, "change", owner.user.pk), role | {"username": "owner"}),
        (page(User, "delete", owner.user.pk), {"post": "yes"}),
        (page(User, "change", admin_person.pk), {"username": "root"}),
        (page(User, "add"), {"username": "new", "password1": "Kestrel-2026", "password2": "Kestrel-2026"}),
        (page(ApiKey, "change", key.pk), {"name": "test", "revoked": "on"}),
        (page(ApiKey, "add"), {"name": "another", "organization": institute.pk}),
        (page(ApiKey, "delete", key.pk), {"post": "yes"}),
    ]
    for address, told in tries:
        assert root.post(address, told).status_code == 403, address
    for model in (User, Organization, ApiKey, Membership):
        if model in admin.site._registry:
            chosen = [str(pk) for pk in model.objects.values_list("pk", flat=True)]
            told = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
            root.post(page(model, "changelist"), told)
    member.refresh_from_db()
    assert (member.role, User.objects.filter(is_superuser=True).count()) == ("owner", 1)
    assert list(Organization.objects.values_list("name", flat=True)) == ["Institute"]
    assert list(ApiKey.objects.values_list("revoked", flat=True)) == [False]
    assert AuditEntry.objects.count() == before


def test_the_pages_that_ask_the_rules_are_linked(root, institute, owner):
    shown = root.get(page(Organization, "change", institute.pk)).content.decode()
    members = reverse("organization-members", args=[institute.slug])
    assert members in shown
    assert "owner" in shown
    assert 'name="memberships-0-role"' not in shown
    assert root.get(members).status_code == 200
    Organization.objects.update(deleted_at=clock.now())
    shown = root.get(page(Organization, "change", institute.pk)).content.decode()
    assert members not in shown
    assert "Restore it" in shown


def test_people_who_are_no_staff_see_none_of_it(institute, owner):
    client = Client()
    client.force_login(owner.user)
    for model in OURS:
        assert client.get(page(model, "changelist")).status_code == 302


def test_what_is_changed_here_stands_in_the_audit_log(root, institute):
    station = station_of(institute)
    shown = root.get(page(Station, "change", station.pk)).context["adminform"].form.initial
    body = {name: value for name, value in shown.items() if value is not None and value is not False}
    assert root.post(page(Station, "change", station.pk), {**body, "name": "Reed bed"}).status_code == 302
    site = {"organization": institute.pk, "name": "Hide", "timezone": "UTC"}
    assert root.post(page(Site, "add"), site).status_code == 302
    hide = Site.objects.get()
    assert root.post(page(Site, "delete", hide.pk), {"post": "yes"}).status_code == 302
    told = AuditEntry.objects.filter(organization_id=institute.pk, action__startswith="admin.").order_by("id")
    assert [(line.actor_name, line.action, line.detail) for line in told] == [
        ("root", "admin.change", {"fields": "Name"}),
        ("root", "admin.add", {}),
        ("root", "admin.delete", {}),
    ]
    assert station.serial in told[0].subject
    assert "Hide" in told[1].subject
