"""Creating, changing, deleting and restoring organizations."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from one_each import incident_open
from people import SERVER, Role, key_of, person, station_of
from psycopg.types.range import Range

from fleet.alerts.selectors import incident_list
from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.deployments.models import Deployment, Site
from fleet.deployments.selectors import deployments_visible, site_list
from fleet.lifecycle import purge_organization
from fleet.lifecycle.erase_station import stations_erase
from fleet.lifecycle.purge_organization import organization_purge, organizations_end, organizations_to_purge
from fleet.organizations.access import viewer_of_user
from fleet.organizations.deletion import organization_delete, organization_restore
from fleet.organizations.keys import api_key_find
from fleet.organizations.models import Organization
from fleet.organizations.people import person_language_set
from fleet.organizations.selectors import organization_find, organization_list, organizations_deleted
from fleet.organizations.services import FOUNDED_MOST, organization_found, organization_update
from fleet.stations.models import Credential, Station
from fleet.stations.selectors import station_list
from fleet.stations.sorting.groups import group_create, group_list
from fleet.stations.sorting.tags import station_tags_set, tag_list
from fleet.telemetry.completeness import CompletenessReport
from sg_status.live.access import grant_of
from web.assets import catalogues_compile

pytestmark = pytest.mark.django_db


def deleted(organization, actor, days: float = 0) -> Organization:
    organization_delete(organization=organization, typed=organization.name, actor=actor)
    Organization.objects.filter(pk=organization.pk).update(deleted_at=clock.now() - timedelta(days=days))
    return organization


def test_a_person_makes_an_organization_and_owns_it(db):
    founder = viewer_of_user(person("founder"))
    made = organization_found(name="Field group", actor=founder, timezone="Europe/Berlin", language="de")
    assert (made.slug, viewer_of_user(founder.user).roles) == ("field-group", {made.id: Role.OWNER})
    made.refresh_from_db()
    assert (made.timezone, made.language, made.created_by) == ("Europe/Berlin", "de", founder.user)


def test_not_even_an_administrator_sees_what_belongs_to_a_deleted_organization(institute):
    station = station_of(institute, name="Old Cut")
    site = Site.objects.create(organization=institute, name="Hide")
    Deployment.objects.create(station=station, site=site, period=Range(clock.now(), None))
    group_create(actor=SERVER, organization=institute, name="North")
    station_tags_set(actor=SERVER, station=station, names=["marsh"])
    incident_open(station=station, rule="silence", sentence="Silent.", moment=clock.now())
    lists = {
        "stations": lambda: station_list(viewer=SERVER),
        "sites": lambda: site_list(viewer=SERVER),
        "deployments": lambda: deployments_visible(viewer=SERVER),
        "groups": lambda: group_list(viewer=SERVER),
        "tags": lambda: tag_list(viewer=SERVER),
        "incidents": lambda: incident_list(viewer=SERVER),
        "completeness": lambda: list(CompletenessReport(viewer=SERVER).every()),
    }
    assert {name: len(asked()) for name, asked in lists.items()} == dict.fromkeys(lists, 1)
    deleted(institute, SERVER)
    assert {name: len(asked()) for name, asked in lists.items()} == dict.fromkeys(lists, 0)
    organization_restore(slug=institute.slug, actor=SERVER)
    assert {name: len(asked()) for name, asked in lists.items()} == dict.fromkeys(lists, 1)


@pytest.mark.django_db(transaction=True)
def test_not_even_an_administrator_hears_or_finds_a_deleted_organization_s_stations(institute, elsewhere, settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    station = station_of(institute)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    places = [f"/stations/{station.serial}/", f"/api/v1/stations/{station.serial}"]
    assert [client.get(place).status_code for place in places] == [200, 200]
    assert grant_of(session, None).organization_ids == {institute.pk, elsewhere.pk}
    assert grant_of(session, station.serial) is not None
    deleted(institute, SERVER)
    assert [client.get(place).status_code for place in places] == [404, 404]
    assert grant_of(session, None).organization_ids == {elsewhere.pk}
    assert grant_of(session, station.serial) is None
    assert not station_list(viewer=SERVER).exists()
    assert institute.name in client.get("/organizations/").content.decode(), "the page from which it can be restored"


def test_every_owner_is_told_of_the_deletion_in_the_language_of_that_owner(institute, owner):
    catalogues_compile()
    second = person("second", (institute, Role.OWNER))
    person_language_set(user=owner.user, language="en")
    person_language_set(user=second, language="de")
    third = person("third", (institute, Role.OWNER))
    Organization.objects.update(language="de")
    mail.outbox = []
    deleted(institute, owner)
    told = {message.to[0]: message.subject for message in mail.outbox}
    assert told == {
        owner.user.email: "Deleted: Institute",
        second.email: "Gelöscht: Institute",
        third.email: "Gelöscht: Institute",
    }


def test_only_so_many_are_made_by_one_person_at_once_too(db):
    founder = viewer_of_user(person("founder"))
    for number in range(FOUNDED_MOST):
        made = organization_found(name=f"Group {number}", actor=founder)
    organization_delete(organization=made, typed=made.name, actor=viewer_of_user(founder.user))
    with pytest.raises(TooMany):
        organization_found(name="One more", actor=founder)
    organization_found(name="Of somebody else", actor=viewer_of_user(person("other")))


@pytest.mark.django_db(transaction=True)
def test_the_bound_holds_for_two_at_once():
    founder = viewer_of_user(person("founder"))
    for number in range(FOUNDED_MOST - 1):
        organization_found(name=f"Group {number}", actor=founder)
    start, refused = threading.Barrier(2), []

    def found(number: int) -> None:
        start.wait()
        try:
            organization_found(name=f"Last {number}", actor=founder)
        except TooMany as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=found, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert Organization.objects.count() == FOUNDED_MOST


def test_where_administrators_make_them_others_cannot(settings, db):
    settings.ROOST_ORGANIZATIONS_BY = "admins"
    with pytest.raises(Forbidden):
        organization_found(name="Mine", actor=viewer_of_user(person("founder")))
    root = viewer_of_user(User.objects.create_superuser("root"))
    assert organization_found(name="Theirs", actor=root).name == "Theirs"


def test_a_key_and_the_word_add_make_none(db):
    with pytest.raises(Forbidden):
        organization_found(name="By the server", actor=SERVER)
    assert organization_found(name="Add", actor=viewer_of_user(person("founder"))).slug == "add-1"


def test_owners_change_settings_and_the_log_says_what(institute, owner, operator, stranger):
    organization_update(
        organization=institute,
        actor=owner,
        name="The Institute",
        timezone="America/Toronto",
        language="de",
        contact_email="Desk@Example.org",
    )
    institute.refresh_from_db()
    assert (institute.name, institute.slug) == ("The Institute", "institute")
    assert (institute.timezone, institute.contact_email) == ("America/Toronto", "desk@example.org")
    entry = AuditEntry.objects.get(action="organization.update")
    assert entry.detail["timezone"] == "America/Toronto"
    organization_update(organization=institute, actor=owner, name="The Institute")
    assert AuditEntry.objects.filter(action="organization.update").count() == 1
    with pytest.raises(Forbidden):
        organization_update(organization=institute, actor=operator, name="Mine")
    with pytest.raises(NotFound):
        organization_update(organization=institute, actor=stranger, name="Mine")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "elsewhere"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("language", "tlh"),
        ("contact_email", "x"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_field(institute, elsewhere, owner, field, value):
    with pytest.raises(InvalidInput) as refused:
        organization_update(organization=institute, actor=owner, **{field: value})
    assert refused.value.field == field


def test_deleting_takes_the_name_and_an_owner(institute, owner, operator, stranger):
    with pytest.raises(InvalidInput, match="'Institute'"):
        organization_delete(organization=institute, typed="institute", actor=owner)
    with pytest.raises(Forbidden):
        organization_delete(organization=institute, typed="Institute", actor=operator)
    with pytest.raises(NotFound):
        organization_delete(organization=institute, typed="Institute", actor=stranger)
    assert Organization.objects.get(pk=institute.pk).deleted_at is None


def test_a_deleted_organization_is_gone_for_everybody_at_once(institute, owner, viewer):
    station_of(institute)
    secret = key_of(institute, write=True)
    deleted(institute, owner)
    for someone in (owner, viewer):
        again = viewer_of_user(someone.user)
        assert not again.organization_ids()
        assert not organization_list(viewer=again)
        assert not station_list(viewer=again)
        with pytest.raises(NotFound):
            organization_find(viewer=again, slug="institute")
    assert api_key_find(secret=secret) is None
    assert institute.id not in SERVER.organization_ids()
    assert Station.objects.filter(organization=institute).exists()
    assert [sent.to for sent in mail.outbox] == [["owner@example.org"]]
    with pytest.raises(NotFound):
        organization_delete(organization=institute, typed="Institute", actor=SERVER)


def test_any_former_owner_brings_it_back_as_it_was(institute, owner, operator, stranger):
    second = viewer_of_user(person("second", (institute, Role.OWNER)))
    secret = key_of(institute)
    deleted(institute, owner)
    for refused in (operator, stranger):
        assert not organizations_deleted(viewer=viewer_of_user(refused.user))
        with pytest.raises(NotFound):
            organization_restore(slug="institute", actor=refused)
    assert organizations_deleted(viewer=viewer_of_user(second.user)) == [institute]
    organization_restore(slug="institute", actor=second)
    assert viewer_of_user(operator.user).may(Role.OPERATOR, institute.id)
    assert api_key_find(secret=secret) is not None
    with pytest.raises(NotFound):
        organization_restore(slug="institute", actor=second)


def test_an_administrator_brings_it_back_too(institute, owner):
    deleted(institute, owner)
    assert organization_restore(slug="institute", actor=SERVER) == institute


def test_after_thirty_days_it_is_too_late(institute, owner):
    deleted(institute, owner, days=29.9)
    assert not organizations_to_purge()
    deleted_at = clock.now() - timedelta(days=30)
    Organization.objects.filter(pk=institute.pk).update(deleted_at=deleted_at)
    with pytest.raises(NotFound):
        organization_restore(slug="institute", actor=owner)
    assert organizations_to_purge() == [institute]


def test_purging_waits_for_the_stations_and_then_takes_all(institute, elsewhere, owner, stranger, monkeypatch):
    monkeypatch.setattr(purge_organization, "_STEP", 2)
    station = station_of(institute)
    key_of(institute)
    deleted(institute, owner, days=31)
    kept = AuditEntry.objects.filter(organization_id=elsewhere.id).count()
    assert not organization_purge(organization=institute)
    station.delete()
    assert organization_purge(organization=institute)
    assert not Organization.objects.filter(pk=institute.pk).exists()
    assert not AuditEntry.objects.filter(organization_id=institute.pk).exists()
    assert AuditEntry.objects.filter(organization_id=elsewhere.id).count() == kept
    assert AuditEntry.objects.get(action="organization.purge").subject == "Institute"


def test_what_was_brought_back_meanwhile_is_not_purged(institute, owner):
    deleted(institute, owner, days=31)
    (due,) = organizations_to_purge()
    Organization.objects.filter(pk=institute.pk).update(deleted_at=None)
    assert not organization_purge(organization=due)
    assert Organization.objects.filter(pk=institute.pk).exists()
    assert AuditEntry.objects.filter(organization_id=institute.pk).exists()


def test_the_job_ends_stations_first_and_the_organization_once_they_are_gone(institute, elsewhere, owner):
    station, other = station_of(institute), station_of(elsewhere)
    Credential.objects.create(station=station, generation=1, username=f"st.{station.serial}.1", issued_at=clock.now())
    site = Site.objects.create(organization=institute, name="Wood")
    Deployment.objects.create(station=other, site=site, period=Range(clock.now(), None))
    deleted(institute, owner, days=31)
    for _again in range(2):
        assert organizations_end() == 0
        station.refresh_from_db()
        assert station.deleted_at is not None
        assert station.retired_at is not None
        assert not Credential.objects.filter(revoked_at=None).exists()
    other.refresh_from_db()
    assert other.deleted_at is None
    assert OutboxMessage.objects.filter(routing_key="stations.reconcile_broker").count() == 1
    assert stations_erase() > 0
    assert not Station.objects.filter(pk=station.pk).exists()
    assert organizations_end() == 1
    assert organizations_end() == 0
    assert not Organization.objects.filter(pk=institute.pk).exists()
    assert Station.objects.get() == other


def test_the_job_leaves_alone_what_can_still_be_brought_back(institute, elsewhere, owner):
    station = station_of(institute)
    deleted(institute, owner, days=29.9)
    assert organizations_end() == 0
    station.refresh_from_db()
    assert station.deleted_at is None
    assert Organization.objects.count() == 2
