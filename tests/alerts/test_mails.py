"""A mail's content, recipients, language and thread; and no name can add headers to it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from fleet.alerts.models import Incident
from fleet.alerts.selectors import incident_shown
from fleet.alerts.sending.destinations import mail_choices, mail_choose
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import silence_sweep
from fleet.core.errors import NotFound
from fleet.core.models import AuditEntry
from fleet.organizations.access import viewer_of_user
from fleet.organizations.people import person_language_set, person_timezone_set
from fleet.stations.models import StationContact
from web.assets import catalogues_compile

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4, minutes=12)


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


def sweep_and_send():
    silence_sweep()
    notifications_send(channel="mail")


def test_the_first_line_is_the_sentence_and_the_last_how_to_be_told_less(smtp, member, make_station):
    station = make_station("SG-1", heard_ago=LONG)
    StationContact.objects.filter(station=station).update(health={"battery_v": 11.4})
    sweep_and_send()
    lines = smtp.taken[0].get_content().strip().splitlines()
    assert lines[0].startswith("Silent since ")
    assert (
        "(4 h 12 min). It reports every hour and missed 4 reports. The battery was at 11.4 V: check power first."
        in lines[0]
    )
    assert "https://roost.example/stations/SG-1/" in lines
    assert lines[-1].endswith("To receive fewer: https://roost.example/incidents/")
    assert "Old Cut Observatory" in lines[-1]


def test_the_recovery_is_in_the_same_thread(smtp, member, make_station, hear):
    station = make_station("SG-1", heard_ago=LONG)
    sweep_and_send()
    hear(station)
    sweep_and_send()
    silent, back = smtp.taken
    assert back["In-Reply-To"] == silent["Message-ID"]
    assert back["References"] == silent["Message-ID"]
    assert silent["Message-ID"] != back["Message-ID"]
    assert back.get_content().startswith("Back since ")
    assert "after 4 h 12 min of silence" in back.get_content()


def test_mails_are_marked_as_automatic(smtp, member, make_station):
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert smtp.taken[0]["Auto-Submitted"] == "auto-generated"
    assert smtp.taken[0]["From"] == "Roost <roost@roost.example>"


def test_only_those_who_want_it_and_have_an_address_are_told(smtp, make_member, make_station, organization):
    make_member("wants@example.org")
    make_member("less@example.org", is_alerted=False)
    make_member("left@example.org", is_active=False)
    make_member("")
    make_member("WANTS@example.org")
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert [mail["To"] for mail in smtp.taken] == ["wants@example.org"]


def test_a_stranger_hears_nothing_of_another_organization(smtp, member, make_member, make_station, make_organization):
    strangers = make_organization("Strangers")
    make_member("stranger@example.org", of=strangers)
    make_station("SG-OURS", heard_ago=LONG)
    make_station("SG-THEIRS", heard_ago=LONG, of=strangers)
    sweep_and_send()
    assert {mail["To"]: mail["Subject"] for mail in smtp.taken} == {
        "ana@example.org": "Silent: SG-OURS",
        "stranger@example.org": "Silent: SG-THEIRS",
    }


@pytest.mark.parametrize(
    "name",
    [
        "Old Cut\r\nBcc: everybody@example.org",
        "Old\nCut",
        "Żuraw \u202e北 🐦",
        "x" * 120,
        "=?utf-8?q?Bcc:_x=0A?=",
    ],
)
def test_no_name_writes_a_header(smtp, member, make_station, name):
    make_station("SG-1", name=name, heard_ago=LONG)
    sweep_and_send()
    (mail,) = smtp.taken
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert mail["Subject"].startswith("Silent: ")
    assert len(mail["Subject"]) <= 150


@pytest.fixture(scope="module")
def catalogues():
    catalogues_compile()


def test_mails_are_in_the_language_of_the_organization(smtp, catalogues, member, make_station, organization, hear):
    organization.language = "de"
    organization.save()
    station = make_station("SG-1", heard_ago=LONG)
    sweep_and_send()
    hear(station)
    sweep_and_send()
    assert smtp.subjects == ["Stumm: SG-1", "Wieder da: SG-1"]
    assert smtp.taken[1].get_content().startswith("Wieder da seit ")
    assert "weniger" in smtp.taken[0].get_content().strip().splitlines()[-1]


def test_each_person_is_told_in_their_language_and_others_in_the_organization_s(
    smtp, catalogues, make_member, make_station, organization, hear
):
    person_language_set(user=make_member("jo@example.org"), language="en")
    person_language_set(user=make_member("eva@example.org"), language="de")
    make_member("new@example.org")
    organization.language = "de"
    organization.save()
    station = make_station("SG-1", heard_ago=LONG)
    # The sweep runs in a worker that has no language of its own.
    sweep_and_send()
    hear(station)
    sweep_and_send()
    for address, subjects, first, back, less in (
        ("jo@example.org", ["Silent: SG-1", "Back: SG-1"], "Silent since ", "Back since ", "To receive fewer"),
        ("eva@example.org", ["Stumm: SG-1", "Wieder da: SG-1"], "Stumm seit ", "Wieder da seit ", "weniger"),
        ("new@example.org", ["Stumm: SG-1", "Wieder da: SG-1"], "Stumm seit ", "Wieder da seit ", "weniger"),
    ):
        silent, over = smtp.to(address)
        assert [silent["Subject"], over["Subject"]] == subjects
        assert silent.get_content().startswith(first)
        assert over.get_content().startswith(back)
        assert less in silent.get_content().strip().splitlines()[-1]


def test_each_person_is_told_in_their_time_zone_and_others_in_the_organization_s(
    smtp, make_member, make_station, organization
):
    person_timezone_set(user=make_member("jo@example.org"), name="America/Toronto")
    person_timezone_set(user=make_member("eva@example.org"), name="UTC")
    make_member("new@example.org")
    organization.timezone = "Asia/Kolkata"
    organization.save()
    station = make_station("SG-1", heard_ago=LONG)
    sweep_and_send()
    last = StationContact.objects.get(station=station).last_contact_at
    incident = Incident.objects.get()
    assert f"\u27e8{last:%Y-%m-%dT%H:%M:%SZ}\u27e9" in incident.sentence
    for address, zone, foot in (
        ("jo@example.org", "America/Toronto", "Times are in America/Toronto, UTC\u2212"),
        ("new@example.org", "Asia/Kolkata", "Times are in Asia/Kolkata, UTC+5:30."),
    ):
        (mail,) = smtp.to(address)
        assert f"{last.astimezone(ZoneInfo(zone)):%H:%M} (" in mail.get_content().splitlines()[0]
        assert foot in mail.get_content()
    (mail,) = smtp.to("eva@example.org")
    assert f"{last:%H:%M} UTC (" in mail.get_content().splitlines()[0]
    assert "Times are in" not in mail.get_content()
    assert "\u27e8" not in incident.said(is_over=False)


def test_what_is_over_is_shown_in_the_reader_s_language(catalogues, member, make_station, hear):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    hear(station)
    incident = Incident.objects.get()
    with translation.override("de"):
        assert incident_shown(incident).sentence.startswith("Wieder da seit ")
    with translation.override("en"):
        assert incident_shown(incident).sentence.startswith("Back since ")
    assert incident.closing_sentence.startswith("Back since ")


def test_a_member_chooses_to_be_told_less(smtp, member, make_station, organization):
    mail_choose(actor=viewer_of_user(member), organization_id=organization.pk, is_alerted=False)
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert not smtp.taken
    mail_choose(actor=viewer_of_user(member), organization_id=organization.pk, is_alerted=True)
    assert mail_choices(user=member).get().is_alerted
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert len(smtp.taken) == 1
    assert AuditEntry.objects.filter(actor=member, action="alerts.choose").count() == 2


def test_a_stranger_has_nothing_to_choose(make_member, organization, member, make_organization):
    stranger = make_member("stranger@example.org", of=make_organization("Strangers"))
    with pytest.raises(NotFound):
        mail_choose(actor=viewer_of_user(stranger), organization_id=organization.pk, is_alerted=True)


def test_a_recovery_tells_only_those_who_were_told(smtp, member, make_member, make_station, hear):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    make_member("new@example.org")
    hear(station)
    sweep_and_send()
    assert len(smtp.to("ana@example.org")) == 2
    assert smtp.to("new@example.org") == []


def test_a_mail_about_several_says_who_is_back_already(smtp, member, make_station, hear, settings):
    settings.ROOST_ALERT_GROUP_WAIT_S = 0.0
    first, _ = make_station("SG-1", heard_ago=LONG), make_station("SG-2", heard_ago=LONG)
    silence_sweep()
    hear(first)
    notifications_send(channel="mail")
    (mail,) = smtp.taken
    assert mail["Subject"] == "Silent: 2 stations of Old Cut Observatory"
    assert "SG-1: Back since" in mail.get_content()
    assert "SG-2: Silent since" in mail.get_content()
