"""Digests: a member's daily, weekly or monthly mail, sent once, in the reader's time zone, even if a worker dies."""

import re
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from people import SERVER
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.alerts.digest import sending
from fleet.alerts.digest.choosing import digest_choose, digest_find
from fleet.alerts.digest.sending import AGAIN, digests_send
from fleet.alerts.models import Destination, Incident
from fleet.alerts.models.digest import Digest
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from fleet.core.models import AuditEntry, Mail
from fleet.core.sending.mail import mails_sweep
from fleet.organizations.access import Viewer, viewer_of_user
from fleet.organizations.models import Membership
from fleet.organizations.people import person_timezone_set
from fleet.stations.models import StationContact
from fleet.telemetry.models import StreamLedger

pytestmark = pytest.mark.django_db

#: A Tuesday; the previous week began on Monday, 23 November.
TUESDAY = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _ready(settings, smtp):
    """Set up a mail server, and make styles work without collected static files."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def at():
    """Travel to a moment; the clock runs on from there."""
    with time_machine.travel(TUESDAY) as travelled:
        yield lambda moment: travelled.shift(moment - datetime.now(tz=UTC))


def choose(user, organization, rhythm):
    digest_choose(actor=viewer_of_user(user), organization=organization, rhythm=rhythm)


def make_incident(station, opened_at, closed_at=None, rule="silence"):
    return Incident.objects.create(
        organization=station.organization, station=station, rule=rule, sentence="Silent since then.",
        closing_sentence="Back." if closed_at else "", began_at=opened_at, opened_at=opened_at, closed_at=closed_at,
    )  # fmt: skip


def sent(smtp):
    """Send the queued mails; return those that arrived."""
    before = len(smtp.taken)
    mails_sweep()
    return smtp.taken[before:]


def test_a_weekly_digest_tells_of_the_week_on_monday_at_six(at, smtp, member, organization, make_station):
    station = make_station("SG-1", name="Old Cut")
    choose(member, organization, "weekly")
    digest = Digest.objects.get()
    assert (digest.told_until, digest.due_at) == (MONDAY, MONDAY + timedelta(days=7, hours=6))
    day = timedelta(days=1)
    make_incident(station, MONDAY - 9 * day, MONDAY - 8 * day, "before")
    make_incident(station, MONDAY - day, MONDAY + day, "across")
    make_incident(station, MONDAY + day, MONDAY + 2 * day, "within")
    make_incident(station, MONDAY + 3 * day, rule="wrong_time")
    make_incident(station, MONDAY + 7 * day, rule="next_week")
    at(MONDAY + timedelta(days=7, hours=5, minutes=59))
    assert digests_send() == 0
    at(MONDAY + timedelta(days=7, hours=6, minutes=1))
    assert digests_send() == 1
    assert digests_send() == 0
    (mail,) = sent(smtp)
    text = mail.get_content()
    assert mail["To"] == "ana@example.org"
    assert mail["Subject"] == "Digest: Old Cut Observatory, 30 Nov to 6 Dec"
    assert text.startswith(
        "Old Cut Observatory, 30 Nov to 6 Dec: 2 incidents opened, 2 ended, 1 was open at the end of this time."
    )
    assert text.count("* Old Cut (SG-1): ") >= 3
    assert "https://roost.example/incidents/" in text
    assert text.rstrip().endswith(f"https://roost.example/organizations/{organization.slug}/alerts/")
    digest.refresh_from_db()
    assert (digest.told_until, digest.due_at) == (MONDAY + 7 * day, MONDAY + timedelta(days=14, hours=6))
    assert digest.last_made_at is not None


@pytest.mark.django_db(transaction=True)
def test_it_comes_once_though_two_workers_make_it(at, smtp, make_member, organization):
    people = [make_member(f"p{n}@example.org") for n in range(6)]
    for person in people:
        choose(person, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    barrier, made = threading.Barrier(2), []

    def work():
        try:
            barrier.wait()
            made.append(digests_send())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(made) == 6
    assert sorted(mail["To"] for mail in sent(smtp)) == sorted(person.email for person in people)


@pytest.mark.parametrize("dies", ["facts_of", "mail_add", "due_after"])
def test_a_worker_that_dies_before_the_end_leaves_nothing_and_it_comes_once(
    at, smtp, member, make_member, organization, monkeypatch, dies
):
    choose(member, organization, "daily")
    at(TUESDAY + timedelta(days=1))

    def die(*_args, **_named):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(sending, dies, die)
        with pytest.raises(SystemExit):
            digests_send()
    assert not Mail.objects.exists()
    assert digests_send() == 1
    assert len(sent(smtp)) == 1


def test_one_that_cannot_be_made_waits_an_hour_says_so_and_holds_up_no_other(
    at, smtp, member, make_member, organization, monkeypatch
):
    bo = make_member("bo@example.org")
    choose(member, organization, "daily")
    choose(bo, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    real = sending.facts_of

    def broken(*, viewer, **named):
        if viewer.user == member:
            raise ValueError("broken")
        return real(viewer=viewer, **named)

    with monkeypatch.context() as patched:
        patched.setattr(sending, "facts_of", broken)
        assert digests_send() == 1
    digest = Digest.objects.get(membership__user=member)
    assert "fault in Roost" in digest.last_error
    assert digest.told_until == TUESDAY.replace(hour=0)
    client = Client()
    client.force_login(member)
    assert "The last try failed" in client.get(f"/organizations/{organization.slug}/alerts/").content.decode()
    at(TUESDAY + timedelta(days=1) + AGAIN + timedelta(minutes=1))
    assert digests_send() == 1
    assert [mail["To"] for mail in sent(smtp)] == ["bo@example.org", "ana@example.org"]
    digest.refresh_from_db()
    assert digest.last_error == ""


def test_after_some_days_without_a_server_one_digest_tells_of_all_of_them(at, smtp, member, organization, make_station):
    choose(member, organization, "daily")
    station = make_station("SG-1")
    for day in (0, 1, 2):
        opened = TUESDAY + timedelta(days=day)
        make_incident(station, opened, opened + timedelta(hours=1), f"rule{day}")
    at(TUESDAY + timedelta(days=3))
    assert digests_send() == 1
    (mail,) = sent(smtp)
    assert "1 Dec to 3 Dec" in mail["Subject"]
    assert "3 incidents opened, 3 ended" in mail.get_content()


def test_another_rhythm_loses_nothing_and_tells_nothing_twice(at, smtp, member, organization):
    choose(member, organization, "weekly")
    choose(member, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    assert digests_send() == 1
    (first,) = sent(smtp)
    choose(member, organization, "monthly")
    at(datetime(2027, 1, 1, 7, tzinfo=UTC))
    assert digests_send() == 1
    (second,) = sent(smtp)
    assert first["Subject"].endswith(", 30 Nov to 1 Dec")
    assert second["Subject"].endswith(", 2 Dec to 31 Dec")


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ("Asia/Kathmandu", datetime(2026, 12, 2, 0, 15, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 12, 2, 14, 0, tzinfo=UTC)),
    ],
)
def test_it_comes_at_six_on_the_readers_clock(at, smtp, member, organization, zone, due):
    person_timezone_set(user=member, name=zone)
    choose(member, organization, "daily")
    assert Digest.objects.get().due_at == due
    at(due - timedelta(minutes=1))
    assert digests_send() == 0
    at(due + timedelta(minutes=1))
    assert digests_send() == 1
    (mail,) = sent(smtp)
    assert mail["Subject"].endswith(", 1 Dec")
    assert f"Times are in {zone.replace('_', ' ')}" in mail.get_content()


def test_a_day_on_which_clocks_change_is_told_whole(at, smtp, member, organization):
    person_timezone_set(user=member, name="Europe/Berlin")
    at(datetime(2027, 3, 27, 12, tzinfo=UTC))
    choose(member, organization, "daily")
    told = [Digest.objects.get().told_until]
    for _ in range(3):
        at(Digest.objects.get().due_at + timedelta(minutes=1))
        assert digests_send() == 1
        told.append(Digest.objects.get().told_until)
    hours = [(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(told)]
    assert hours == [24, 23, 24]


def test_a_reader_who_changes_time_zone_gets_no_extra_digest_and_misses_nothing(at, smtp, member, organization):
    person_timezone_set(user=member, name="Asia/Kathmandu")
    choose(member, organization, "daily")
    at(datetime(2026, 12, 2, 0, 20, tzinfo=UTC))
    assert digests_send() == 1
    told = Digest.objects.get().told_until
    person_timezone_set(user=member, name="America/Los_Angeles")
    at(datetime(2026, 12, 3, 0, 20, tzinfo=UTC))
    assert digests_send() == 0
    digest = Digest.objects.get()
    assert (digest.told_until, digest.due_at) == (told, datetime(2026, 12, 3, 14, tzinfo=UTC))
    at(datetime(2026, 12, 3, 14, 1, tzinfo=UTC))
    assert digests_send() == 1
    assert Digest.objects.get().told_until == datetime(2026, 12, 3, 8, tzinfo=UTC)


def test_stations_that_need_somebody_and_lost_and_found_numbers_are_told_in_words(
    at, smtp, member, organization, make_station
):
    station = make_station("SG-1", name="Old Cut", heard_ago=timedelta(days=4), state="silent")
    fine = make_station("SG-2")
    far = TUESDAY + timedelta(days=20)
    StationContact.objects.filter(station=fine).update(late_after=far, silent_after=far)
    ledger = StreamLedger.objects.create(
        station=station, stream="s", received=Multirange([Range(1, 98), Range(100, 101)]), next_seq=101, oldest_seq=100,
        first_at=TUESDAY, last_at=TUESDAY,
    )  # fmt: skip
    choose(member, organization, "daily")
    StreamLedger.objects.filter(pk=ledger.pk).update(received=Multirange([Range(1, 90), Range(100, 101)]))
    at(TUESDAY + timedelta(days=1))
    digests_send()
    StreamLedger.objects.filter(pk=ledger.pk).update(received=Multirange([Range(1, 101)]))
    at(TUESDAY + timedelta(days=2))
    digests_send()
    at(TUESDAY + timedelta(days=3))
    digests_send()
    texts = [mail.get_content().replace("\r\n", "\n") for mail in sent(smtp)]
    assert "1 station needs attention now:\n* Old Cut (SG-1): Silent since " in texts[0]
    assert "SG-2" not in texts[0]
    assert "and 10 are lost. 8 more are lost than in the previous digest." in texts[0]
    assert "10 fewer are lost than in the previous digest: they arrived after all." in texts[1]
    assert "As many are lost as in the previous digest." in texts[2]


def test_nothing_happened_is_said_too(at, smtp, member, organization):
    choose(member, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    digests_send()
    (mail,) = sent(smtp)
    assert "no incidents opened, and none was open." in mail.get_content()
    assert "No station needs attention now." in mail.get_content()


def test_it_tells_only_of_its_organization(at, smtp, member, organization, make_organization, make_station):
    other = make_organization("Strangers")
    Membership.objects.create(user=member, organization=other, created_at=TUESDAY)
    make_incident(make_station("SG-THEIRS", of=other, state="silent"), TUESDAY)
    choose(member, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    digests_send()
    (mail,) = sent(smtp)
    assert "SG-THEIRS" not in mail.get_content()


def test_a_storm_costs_no_more_queries_and_is_counted_not_listed(at, smtp, member, organization, make_station):
    choose(member, organization, "daily")
    make_incident(make_station("SG-1", state="silent"), TUESDAY)
    at(TUESDAY + timedelta(days=1))
    with CaptureQueriesContext(connection) as few:
        digests_send()
    for number in range(60):
        make_incident(make_station(f"SG-M{number}", state="silent"), TUESDAY + timedelta(days=1, hours=1))
    at(TUESDAY + timedelta(days=2))
    with CaptureQueriesContext(connection) as many:
        digests_send()
    assert len(many) == len(few)
    text = sent(smtp)[1].get_content()
    assert "and 41 more: https://roost.example/incidents/" in text
    assert len(text) < 12_000


@pytest.mark.parametrize("change", ["left", "inactive", "organization", "off"])
def test_whoever_is_gone_or_wants_none_gets_none(at, smtp, member, organization, change):
    choose(member, organization, "daily")
    if change == "left":
        Membership.objects.all().delete()
    elif change == "inactive":
        member.is_active = False
        member.save()
    elif change == "organization":
        organization.deleted_at = TUESDAY
        organization.save()
    else:
        choose(member, organization, "")
    at(TUESDAY + timedelta(days=1))
    assert digests_send() == 0
    assert sent(smtp) == []


def test_one_without_a_mail_address_is_told_on_the_page_and_loses_nothing(at, smtp, member, organization):
    choose(member, organization, "daily")
    member.email = ""
    member.save()
    at(TUESDAY + timedelta(days=1))
    assert digests_send() == 0
    assert "no mail address" in Digest.objects.get().last_error
    member.email = "new@example.org"
    member.save()
    at(TUESDAY + timedelta(days=2))
    assert digests_send() == 1
    (mail,) = sent(smtp)
    assert mail["Subject"].endswith("1 Dec to 2 Dec")


def test_one_click_switches_digests_off_and_not_the_alerts(at, smtp, member, organization):
    choose(member, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    digests_send()
    (mail,) = sent(smtp)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = mail["List-Unsubscribe"].strip("<>").removeprefix("https://roost.example")
    client = Client(enforce_csrf_checks=True)
    assert "Digests of Old Cut Observatory by mail" in client.get(address).content.decode()
    assert client.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert "switched off" in client.get(address).content.decode()
    assert not Digest.objects.get().is_on
    assert Destination.objects.get().is_on
    last = AuditEntry.objects.filter(action="digest.choose").latest("id")
    assert (last.actor, last.detail) == (member, {"is_on": False, "is_by_link": True})


def test_it_is_chosen_and_seen_on_the_page_of_destinations(at, member, organization):
    client, where = Client(), f"/organizations/{organization.slug}/alerts/"
    client.force_login(member)
    assert "You get no digests." in client.get(where).content.decode()
    assert (
        "You now get digests by mail."
        in client.post(f"{where}digest/", {"rhythm": "weekly"}, follow=True).content.decode()
    )
    text = client.get(where).content.decode()
    assert re.search(r'<option value="weekly"\s+selected', text)
    assert "It covers what happened from" in text
    refused = client.post(f"{where}digest/", {"rhythm": "hourly"}, follow=True).content.decode()
    assert "Choose how often a digest comes." in refused
    assert Digest.objects.get().rhythm == "weekly"
    client.post(f"{where}digest/", {"rhythm": ""})
    assert not Digest.objects.get().is_on
    # Switching off twice changes nothing, so the log has no third entry.
    client.post(f"{where}digest/", {"rhythm": ""})
    assert AuditEntry.objects.filter(action="digest.choose").count() == 2


def test_switching_on_again_starts_a_new_period(at, member, organization):
    choose(member, organization, "daily")
    choose(member, organization, "")
    at(TUESDAY + timedelta(days=40))
    choose(member, organization, "daily")
    assert Digest.objects.get().told_until == TUESDAY.replace(hour=0) + timedelta(days=40)


def test_switching_off_and_on_tells_nothing_twice(at, member, organization):
    choose(member, organization, "daily")
    at(TUESDAY + timedelta(days=1))
    digests_send()
    told = Digest.objects.get().told_until
    choose(member, organization, "")
    choose(member, organization, "weekly")
    assert Digest.objects.get().told_until == told == TUESDAY.replace(hour=0) + timedelta(days=1)


def test_only_members_choose_and_only_for_themselves(member, organization, make_member, make_organization):
    viewer = viewer_of_user(make_member("else@example.org", of=make_organization("Elsewhere")))
    with pytest.raises(NotFound):
        digest_choose(actor=viewer, organization=organization, rhythm="daily")
    key = Viewer(user=None, name="key", roles=viewer_of_user(member).roles)
    with pytest.raises(Forbidden):
        digest_choose(actor=key, organization=organization, rhythm="daily")
    with pytest.raises(InvalidInput):
        choose(member, organization, "hourly")
    with pytest.raises(Conflict):
        choose(make_member(""), organization, "daily")
    assert digest_find(viewer=SERVER, organization=organization) is None
    assert not Digest.objects.exists()
