"""Organizations with people, stations with contacts, and a real SMTP server that can be made to misbehave."""

import asyncio
import email
import email.policy
import itertools
import socket
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from django.contrib.auth.models import User
from django.db import transaction

from fleet.alerts.models import Destination
from fleet.alerts.services import station_heard_again
from fleet.core.models import Pulse
from fleet.organizations.models import Membership, Organization
from fleet.stations.models import Station, StationContact

_numbers = itertools.count(1)


class Mailbox:
    """Mails that the server accepted (`taken`) and all it saw (`seen`). Each of `answers` is for one mail: a reply,
    seconds to wait first, or a way to disconnect.
    """

    def __init__(self) -> None:
        self.answers = []
        self.taken = []
        self.seen = []
        self.raw = []

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - the library's own name
        self.raw.append(envelope.content)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.seen.append(mail)
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == "drop":
            self.taken.append(mail)
            server.transport.abort()
            return "250 never read"
        if answer == "drop-untaken":
            server.transport.abort()
            return "250 never read"
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = "250 OK"
        if answer.startswith("250"):
            self.taken.append(mail)
        return answer

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - as above
        if address.startswith("gone@"):
            return "550 no such person here"
        if address.startswith("full@"):
            return "452 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def to(self, address):
        return [mail for mail in self.taken if mail["To"] == address]

    @property
    def subjects(self):
        return [mail["Subject"] for mail in self.taken]


class _Server(Controller):
    def factory(self):
        return SMTP(self.handler, enable_SMTPUTF8=True)


@pytest.fixture
def smtp(settings):
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = _Server(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.SITE_URL = "https://roost.example"
    settings.DEFAULT_FROM_EMAIL = "Roost <roost@roost.example>"
    settings.ROOST_ALERT_GROUP_WAIT_S = 0.0
    yield mailbox
    server.stop()


@pytest.fixture
def smtp_down(settings, smtp):
    """Take the mail server down; the returned function brings it back."""
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = 9
    return lambda: setattr(settings, "EMAIL_PORT", port)


@pytest.fixture
def make_organization(db):
    def make(name):
        return Organization.objects.create(
            name=name, slug=f"organization-{next(_numbers)}", created_at=datetime.now(tz=UTC)
        )

    return make


@pytest.fixture
def organization(make_organization):
    return make_organization("Old Cut Observatory")


@pytest.fixture
def make_member(organization):
    def make(address, *, is_alerted=True, is_active=True, role="viewer", of=None):
        user = User.objects.create_user(f"person-{next(_numbers)}", email=address, is_active=is_active)
        membership = Membership.objects.create(
            user=user, organization=of or organization, role=role, created_at=datetime.now(tz=UTC)
        )
        if not is_alerted:
            Destination.objects.filter(membership=membership).update(is_on=False)
        return user

    return make


@pytest.fixture
def member(make_member):
    return make_member("ana@example.org")


@pytest.fixture
def make_station(organization):
    """Create a station that was last heard from `heard_ago` ago, with the deadlines of an hourly rhythm."""

    def make(serial="", *, heard_ago=timedelta(minutes=1), state="on_time", of=None, **fields):
        now = datetime.now(tz=UTC)
        last = now - heard_ago
        station = Station.objects.create(
            organization=of or organization,
            serial=serial or f"SG-TEST{next(_numbers):04d}",
            registered_at=now - timedelta(days=30),
            **fields,
        )
        StationContact.objects.create(
            station=station,
            state=state,
            first_contact_at=last,
            last_contact_at=last,
            announced_interval_s=3600.0,
            late_after=last + timedelta(minutes=90),
            silent_after=last + timedelta(hours=3),
        )
        return station

    return make


@pytest.fixture
def listening(db):
    """Ingest has just reported that it works."""
    Pulse.objects.update_or_create(name="ingest", defaults={"beat_at": datetime.now(tz=UTC)})


@pytest.fixture
def hear():
    """Record a contact, as ingest does when a station sends something."""

    def contact(*stations):
        moment = datetime.now(tz=UTC)
        with transaction.atomic():
            numbers = [station.pk for station in stations]
            rows = StationContact.objects.select_for_update().filter(station__in=numbers).order_by("station_id")
            silent = [row.station_id for row in rows if row.state == "silent"]
            StationContact.objects.filter(station__in=numbers).update(
                state="on_time", last_contact_at=moment, silent_after=moment + timedelta(hours=3)
            )
            station_heard_again(station_ids=silent, moment=moment)

    return contact
