"""Destinations: who may change which, what happens to waiting messages, the page, and the choices from before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from migrated import migrations_apply
from people import SERVER

from fleet.alerts.models import Destination, Notification
from fleet.alerts.notifications.destinations import (
    DESTINATIONS_MOST,
    destination_add,
    destination_delete,
    destination_get,
    destination_list,
    destination_switch,
    destination_test,
)
from fleet.alerts.notifications.sending import notifications_send
from fleet.alerts.selectors import notification_troubles
from fleet.alerts.services import silence_sweep
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry
from fleet.organizations.access import viewer_of_user
from fleet.organizations.members import member_remove

LONG = timedelta(hours=4)


@pytest.fixture
def owner(make_member):
    return make_member("owner@example.org", role="owner")


def add(user, organization, address="https://hooks.example.org/1", *, is_own=False):
    return destination_add(
        actor=viewer_of_user(user), organization=organization, channel="webhook", address=address, is_own=is_own
    )[0]


def seen(user, organization):
    return list(destination_list(viewer=viewer_of_user(user), organization=organization))


@pytest.mark.django_db
class TestRights:
    def test_owners_see_the_organizations_and_everybody_their_own(self, owner, member, organization):
        ours, own = add(owner, organization), add(member, organization, "https://mine.example.org/", is_own=True)
        assert [one.channel for one in seen(owner, organization)] == ["mail", "webhook"]
        assert ours in seen(owner, organization)
        assert own not in seen(owner, organization)
        assert [one.channel for one in seen(member, organization)] == ["mail", "webhook"]
        assert own in seen(member, organization)
        with pytest.raises(Forbidden):
            destination_get(viewer=viewer_of_user(member), organization=organization, destination_id=ours.pk)
        with pytest.raises(NotFound):
            destination_get(viewer=viewer_of_user(owner), organization=organization, destination_id=own.pk)

    def test_members_add_none_for_the_organization_and_strangers_none_at_all(
        self, member, make_member, make_organization, organization
    ):
        with pytest.raises(Forbidden):
            add(member, organization)
        stranger = make_member("stranger@example.org", role="owner", of=make_organization("Strangers"))
        for is_own in (True, False):
            with pytest.raises(NotFound):
                add(stranger, organization, is_own=is_own)

    def test_a_destination_of_another_organization_is_not_there(
        self, owner, make_member, make_organization, organization
    ):
        strangers = make_organization("Strangers")
        theirs = add(make_member("stranger@example.org", role="owner", of=strangers), strangers)
        with pytest.raises(NotFound):
            destination_get(viewer=viewer_of_user(owner), organization=organization, destination_id=theirs.pk)

    def test_the_number_is_limited_and_an_address_is_told_once(self, owner, member, organization):
        for number in range(DESTINATIONS_MOST):
            add(owner, organization, f"https://hooks.example.org/{number}")
        with pytest.raises(TooMany):
            add(owner, organization, "https://hooks.example.org/more")
        with pytest.raises(InvalidInput, match="already"):
            add(member, organization, "https://hooks.example.org/1", is_own=True)

    def test_programs_change_nothing(self, organization):
        with pytest.raises(Forbidden):
            destination_add(
                actor=SERVER, organization=organization, channel="webhook", address="https://a.example/", is_own=False
            )

    def test_who_leaves_takes_their_destinations_along(self, member, organization):
        add(member, organization, is_own=True)
        viewer = viewer_of_user(member)
        member_remove(organization=organization, username=member.username, actor=viewer)
        assert not Destination.objects.filter(membership__user=member).exists()

    def test_each_change_is_in_the_audit_log_without_the_secret_path(self, owner, organization):
        made = add(owner, organization, "https://hooks.example.org/t/s3cret")
        destination_switch(actor=viewer_of_user(owner), destination=made, is_on=False)
        destination_switch(actor=viewer_of_user(owner), destination=made, is_on=False)
        destination_delete(actor=viewer_of_user(owner), destination=made)
        told = AuditEntry.objects.filter(organization_id=organization.pk).order_by("id")
        assert [one.action for one in told] == ["destination.add", "alerts.choose", "destination.delete"]
        assert "s3cret" not in str(list(told.values()))


@pytest.mark.django_db
class TestWaitingMessages:
    @pytest.fixture(autouse=True)
    def _ready(self, smtp, listening):
        """A mail server, and ingest listens."""

    def test_what_waits_for_a_destination_that_is_switched_off_is_not_sent(self, smtp, member, make_station, hear):
        station = make_station(heard_ago=LONG)
        silence_sweep()
        (mail,) = Destination.objects.filter(membership__user=member)
        destination_switch(actor=viewer_of_user(member), destination=mail, is_on=False)
        notifications_send(channel="mail")
        assert smtp.taken == []
        assert Notification.objects.get().state == "dropped"
        destination_switch(actor=viewer_of_user(member), destination=mail, is_on=True)
        hear(station)
        notifications_send(channel="mail")
        # Nobody heard of its beginning, so nobody hears of its end.
        assert smtp.taken == []

    def test_what_waits_for_a_deleted_destination_is_dropped_with_a_reason(self, owner, organization, make_station):
        made = add(owner, organization)
        make_station(heard_ago=LONG)
        silence_sweep()
        destination_delete(actor=viewer_of_user(owner), destination=made)
        waiting = Notification.objects.get(channel="webhook")
        assert (waiting.state, waiting.destination_id) == ("dropped", None)
        assert "deleted" in waiting.last_error

    def test_a_test_message_goes_the_way_of_alerts_and_its_result_is_kept(self, smtp, member, organization):
        (mail,) = seen(member, organization)
        viewer = viewer_of_user(member)
        destination_test(actor=viewer, destination=mail)
        with pytest.raises(TooMany):
            destination_test(actor=viewer, destination=mail)
        assert notifications_send(channel="mail") == 1
        assert smtp.subjects == ["Test of Roost's alerts"]
        mail.refresh_from_db()
        assert (mail.last_error, mail.last_result_at is None) == ("", False)
        destination_test(actor=viewer, destination=mail)
        # Even a passing refusal ends a test: whoever asked looks at the result now.
        smtp.answers = ["451 later"]
        notifications_send(channel="mail")
        mail.refresh_from_db()
        assert "451 later" in mail.last_error
        assert not Notification.objects.filter(state="pending").exists()
        assert notification_troubles(viewer=viewer, most=5) == []
        destination_switch(actor=viewer, destination=mail, is_on=False)
        with pytest.raises(Conflict):
            destination_test(actor=viewer, destination=mail)

    def test_a_person_who_joins_gets_mails_without_doing_anything(self, smtp, make_member, make_station):
        make_member("new@example.org")
        make_station(heard_ago=LONG)
        silence_sweep()
        notifications_send(channel="mail")
        assert len(smtp.to("new@example.org")) == 1
        assert Destination.objects.get().is_on

    def test_a_new_email_address_gets_the_mails_at_once(self, smtp, member, make_station):
        make_station(heard_ago=LONG)
        silence_sweep()
        notifications_send(channel="mail")
        member.email = "ana@elsewhere.example"
        member.save()
        make_station(heard_ago=LONG)
        silence_sweep()
        notifications_send(channel="mail")
        assert [mail["To"] for mail in smtp.taken] == ["ana@example.org", "ana@elsewhere.example"]


@pytest.mark.django_db
class TestPage:
    @pytest.fixture(autouse=True)
    def _ready(self, settings):
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}

    @staticmethod
    def browse(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    def test_a_destination_is_added_switched_tested_and_deleted(self, owner, organization):
        client, where = self.browse(owner), f"/organizations/{organization.slug}/alerts/"
        told = {"channel": "webhook", "address": "https://hooks.example.org/t/s3cret", "whose": "organization"}
        answer = client.post(where, told)
        made = Destination.objects.get(channel="webhook")
        assert answer["Cache-Control"].startswith("no-store")
        text = answer.content.decode()
        assert "https://hooks.example.org/…" in text
        assert "never shown again" in text
        assert "never shown again" not in client.get(where).content.decode()
        for action, words in (("off", "switched off"), ("on", "switched on"), ("test", "on its way")):
            text = client.post(f"{where}{made.pk}/", {"do": action}, follow=True).content.decode()
            assert words in text
        assert Notification.objects.get().phase == "test"
        assert "Keep the destination" in client.get(f"{where}{made.pk}/delete/").content.decode()
        client.post(f"{where}{made.pk}/delete/")
        assert not Destination.objects.filter(channel="webhook").exists()

    def test_a_wrong_address_is_explained_at_its_field(self, owner, organization):
        told = {"channel": "webhook", "address": "http://192.168.1.1/", "whose": "organization"}
        text = self.browse(owner).post(f"/organizations/{organization.slug}/alerts/", told).content.decode()
        assert "not on the public internet" in text
        assert not Destination.objects.filter(channel="webhook").exists()

    def test_a_member_manages_their_own_only(self, member, owner, organization):
        ours = add(owner, organization)
        client, where = self.browse(member), f"/organizations/{organization.slug}/alerts/"
        assert "hooks.example.org" not in client.get(where).content.decode()
        told = {"channel": "webhook", "address": "https://mine.example.org/", "whose": "organization"}
        assert client.post(where, told).status_code == 403
        assert client.post(where, {**told, "whose": "mine"}).status_code == 200
        assert client.post(f"{where}{ours.pk}/", {"do": "off"}).status_code == 403
        assert Destination.objects.get(pk=ours.pk).is_on


OLD = [("alerts", "0004_sentences_in_each_language"), ("organizations", "0004_keys")]


# These two take a minute each; `tests/core/test_migrations.py` watches the way back in every run.
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_choices_about_mails_survive_the_migration_both_ways(make_member, organization):
    make_member("on@example.org")
    make_member("off@example.org", is_alerted=False)
    try:
        MigrationExecutor(connection).migrate(OLD)
        assert _old_choices() == {"on@example.org": True, "off@example.org": False}
        with connection.cursor() as cursor:
            cursor.execute("UPDATE organizations_membership SET is_alerted = NOT is_alerted")
    finally:
        migrations_apply()
    found = Destination.objects.values_list("membership__user__email", "channel", "is_on")
    assert sorted(found) == [("off@example.org", "mail", True), ("on@example.org", "mail", False)]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_what_only_the_new_version_can_send_does_not_stop_the_way_back(make_member, organization):
    owner = make_member("owner@example.org", role="owner")
    made = add(owner, organization, "https://hooks.example.org/" + "x" * 400)
    moment = datetime.now(tz=UTC)
    common = {"organization": organization, "created_at": moment, "due_at": moment}
    Notification.objects.create(
        **common, channel="webhook", recipient=made.address, destination=made, phase="test", message_id="<1@x>"
    )
    Notification.objects.create(
        **common, channel="mail", recipient="owner@example.org", phase="opened", state="dropped", message_id="<2@x>"
    )
    try:
        MigrationExecutor(connection).migrate(OLD)
        with connection.cursor() as cursor:
            cursor.execute("SELECT message_id, state FROM alerts_notification")
            assert cursor.fetchall() == [("<2@x>", "failed")]
    finally:
        migrations_apply()


def _old_choices():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.email, m.is_alerted FROM organizations_membership m JOIN auth_user u ON u.id = m.user_id"
        )
        return dict(cursor.fetchall())
