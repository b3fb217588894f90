"""Every page of the table of who may what, in a browser of somebody who may see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from isolation.access_table import ANYONE, TABLE, listed
from isolation.matrix import place_of
from isolation.tenants import Tenant
from playwright.sync_api import Browser, Page
from site_processes import Running


def places_of(tenant: Tenant, client: Client) -> list[str]:
    """The addresses that are pages for this client; what is a file or leads elsewhere is left out."""
    # The collected files are the other process's.
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES={**settings.STORAGES, **plain}):
        return list(_places(tenant, client))


def _places(tenant: Tenant, client: Client) -> Iterator[str]:
    found = set()
    for address in listed():
        line = TABLE[address.name]
        if address.is_api or "GET" not in line.methods:
            continue
        place = place_of(address, line, tenant.values)
        answer = client.get(place)
        is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        if is_page and "attachment" not in answer.get("Content-Disposition", "") and place not in found:
            found.add(place)
            yield place


def open_places(tenant: Tenant) -> list[str]:
    """The pages that anybody may see."""
    client = Client()
    known = {place_of(each, TABLE[each.name], tenant.values): TABLE[each.name] for each in listed() if not each.is_api}
    return [place for place in places_of(tenant, client) if known[place].methods["GET"] == ANYONE]


@dataclass
class Visitor:
    """One window with the session of somebody, and everything the browser said in it."""

    page: Page
    site: str
    said: list[str] = field(default_factory=list)

    def visit(self, place: str) -> None:
        """Go there and wait until scripts have had their turn."""
        self.page.goto(self.site + place, wait_until="load")


@contextmanager
def visiting(browser: Browser, processes: Running, user: User | None, **options: object) -> Iterator[Visitor]:
    """A window of this person; of nobody without one."""
    context = browser.new_context(**options)
    if user is not None:
        client = Client()
        client.force_login(user)
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": processes.site}])
    visitor = Visitor(context.new_page(), processes.site)
    visitor.page.on("console", lambda one: visitor.said.append(f"{one.type}: {one.text}"))
    visitor.page.on("pageerror", lambda error: visitor.said.append(f"error: {error}"))
    try:
        yield visitor
    finally:
        context.close()
