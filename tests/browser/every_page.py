"""Every page of the access table, in the browser of somebody who may see it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from browser.account_states import half_in, proved, secured, with_links, without_password
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from isolation.access_table import ANYONE, TABLE, Rule, listed
from isolation.matrix import place_of
from isolation.tenants import Tenant
from people import SERVER
from playwright.sync_api import Browser, Page
from site_processes import Running

from fleet.alerts.models import Destination, Incident, Notification
from fleet.alerts.notifications.off_links import MailKind, off_token
from fleet.alerts.sending.act_links import act_token
from fleet.core import clock
from fleet.deployments.models import Deployment
from fleet.deployments.publishing import deployment_publish
from fleet.organizations.invitations import invitation_create
from fleet.organizations.models import Membership
from fleet.status_pages.models import StatusPage
from fleet.wiki.models import WikiPage

#: Addresses that accept GET but are never a page, and why.
NO_PAGES = {
    "healthz": "for monitoring",
    "logout": "a button; opening it as a link shows a page that asks",
    "account_logout": "the same",
    "account_login": "the same as login",
    "mfa_login_webauthn": "what the passkey script asks for",
    "mfa_download_recovery_codes": "a file",
    "completeness-csv": "a file",
    "fleet-many": "the answer to a form; opened, it leads to the stations",
    "station-positions-csv": "a file",
    "agent-script": "a file",
    "agent-file": "a file",
    "station-data-csv": "a file",
    "station-data-svg": "a file",
    "station-detections-csv": "a file",
    "detections-csv": "a file",
    "heard-tag-csv": "a file",
    "organization-audit-csv": "a file",
    "quarantine-body": "a file",
    "package-download": "a file",
    "station-stored-file": "a file",
    "station-stored-sheet": "a file",
    "station-stored-edit": "the form of a text whose bytes are there; tests/pages/test_stored_edit_page.py opens it",
    "station-stored-picture": "a picture",
    "station-stored-small": "a picture",
    "photo": "a picture",
    "photo-small": "a picture",
    "public-photo": "a picture",
    "public-photo-small": "a picture",
    "sites-pins": "data for a map",
    "map-pins": "data for a map",
    "public-pins": "data for a map",
    "status-json": "data for programs",
    "status-badge": "a picture",
    "status-digit": "for monitoring",
    "status-feed": "a feed",
    "incidents-atom": "a feed",
    "incidents-calendar": "a calendar",
    "tiles-file": "a file, in pieces",
}


@dataclass(frozen=True)
class Walk:
    """Some pages, by the names of their addresses, and the client whose session opens them."""

    client: Client
    places: dict[str, str]


def walks_of(tenant: Tenant) -> list[Walk]:
    """All pages: those of an owner, of accounts in their rarer states, and of an anonymous visitor."""
    nobody = Client()
    owner = proved(tenant.people["owner"])
    walks = [
        Walk(owner, pages_of(tenant, owner)),
        Walk(nobody, {**pages_of(tenant, nobody, only=ANYONE), **_public(tenant)}),
        *(
            Walk(*state(f"{tenant.word}-{state.__name__}".lower().replace("_", "-")))
            for state in (secured, half_in, without_password, with_links)
        ),
    ]
    led_away = [place for walk in walks for place in walk.places.values() if not is_page(get(walk.client, place))]
    assert led_away == []
    return walks


def forgotten(walks: list[Walk]) -> set[str]:
    """Addresses of the table that accept GET, but are neither on a walk nor in `NO_PAGES`."""
    seen = {name for walk in walks for name in walk.places}
    answering = {each.name for each in listed() if not each.is_api and "GET" in TABLE[each.name].methods}
    return answering - seen - set(NO_PAGES)


def _public(tenant: Tenant) -> dict[str, str]:
    """Pages that need no login: status page, wiki, deployment, invitation, and the links in an alert."""
    deployment = Deployment.objects.select_related("station__organization", "site").get(
        pk=tenant.values["deployment_id"]
    )
    deployment_publish(
        deployment=deployment,
        actor=SERVER,
        is_public=True,
        location=Deployment.Location.BLURRED,
        blur_radius_m=5_000.0,
        withheld_until=None,
        is_serial_public=False,
    )
    invitation_create(
        organization=tenant.organization, email="somebody@example.org", role=Membership.Role.VIEWER, actor=SERVER
    )
    (code,) = re.findall(r"/invitations/([^/\s]+)/", mail.outbox[-1].body)
    deployment.refresh_from_db()
    slugs = [tenant.organization.slug, tenant.values["page_slug"]]
    WikiPage.objects.filter(slug=slugs[1]).update(is_public=True)
    status = [tenant.values["status_slug"]]
    StatusPage.objects.filter(slug=status[0]).update(is_on=True)
    return {
        "status-page": reverse("status-page", args=status),
        "status-embed": reverse("status-embed", args=status),
        "public-wiki": reverse("public-wiki", args=slugs[:1]),
        "public-wiki-page": reverse("public-wiki-page", args=slugs),
        "public-deployment": reverse("public-deployment", args=[deployment.public_id]),
        "invitation": reverse("invitation", args=[code]),
        "incident-link": reverse("incident-link", args=[_link_token(tenant)]),
        "mails-off": reverse("mails-off", args=[_off_token(tenant)]),
    }


def _link_token(tenant: Tenant) -> str:
    """The token of the link in an alert that was sent to an operator."""
    incident, person = Incident.objects.get(pk=tenant.values["incident_id"]), tenant.people["operator"]
    alert = Notification.objects.create(
        organization=tenant.organization,
        rule=incident.rule,
        phase="opened",
        destination=Destination.objects.get(
            membership__user=person, membership__organization=tenant.organization, channel="mail"
        ),
        channel="mail",
        recipient=person.email,
        message_id=f"<link-{incident.pk}@example.org>",
        state="sent",
        created_at=clock.now(),
        due_at=clock.now(),
        sent_at=clock.now(),
    )
    alert.incidents.add(incident)
    return act_token(alert, incident)


def _off_token(tenant: Tenant) -> str:
    """The token of the link that switches off an operator's mails."""
    membership = Membership.objects.get(user=tenant.people["operator"], organization=tenant.organization)
    return off_token(membership, MailKind.ALERTS)


def places_of(tenant: Tenant, client: Client) -> list[str]:
    """Addresses that are pages for this client, without files and redirects."""
    return list(pages_of(tenant, client).values())


def pages_of(tenant: Tenant, client: Client, *, only: Rule | None = None) -> dict[str, str]:
    """The addresses of these pages by name; with `only`, those of one rule."""
    found: dict[str, str] = {}
    for address in listed():
        line = TABLE[address.name]
        if address.is_api or "GET" not in line.methods or only not in (None, line.methods["GET"]):
            continue
        place = place_of(address, line, tenant.values)
        if place not in found.values() and is_page(get(client, place)):
            found[address.name] = place
    return found


def get(client: Client, place: str) -> Any:
    # Only the other process has the collected static files.
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES={**settings.STORAGES, **plain}):
        return client.get(place)


def is_page(answer: Any) -> bool:
    is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
    return is_page and "attachment" not in answer.get("Content-Disposition", "")


@dataclass
class Visitor:
    """One window with a person's session, and everything that the browser reported in it."""

    page: Page
    site: str
    said: list[str] = field(default_factory=list)

    def visit(self, place: str) -> None:
        """Open the place and wait until its scripts have run."""
        self.page.goto(self.site + place, wait_until="load")


@contextmanager
def visiting(browser: Browser, processes: Running, who: User | Client | None, **options: object) -> Iterator[Visitor]:
    """A window of this person, or with this client's session; anonymous for None."""
    context = browser.new_context(**options)
    client = who if isinstance(who, Client) else Client()
    if isinstance(who, User):
        client.force_login(who)
    if "sessionid" in client.cookies:
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": processes.site}])
    visitor = Visitor(context.new_page(), processes.site)
    visitor.page.on("console", lambda one: visitor.said.append(f"{one.type}: {one.text}"))
    visitor.page.on("pageerror", lambda error: visitor.said.append(f"error: {error}"))
    try:
        yield visitor
    finally:
        context.close()
