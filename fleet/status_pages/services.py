"""Contents of a status page: its settings, and the stations and sites on it. Owners decide, as everybody sees it."""

import re
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, NotFound, TooMany
from fleet.deployments.models import Site
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization
from fleet.organizations.services import paragraphs_check, text_check
from fleet.stations.models import Station
from fleet.status_pages.models import StatusItem, StatusPage

#: Maximum stations and sites on one page; characters of texts.
ITEMS_MOST = 50
TITLE_MOST, SLUG_MOST, WORDS_MOST, NAME_MOST = 120, 60, 2_000, 80
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """A status page's settings as somebody wants them."""

    slug: str
    title: str
    words: str = ""
    is_on: bool = False


def status_page_change_check(*, actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` if the actor may not decide what everybody sees."""
    actor.require(Role.OWNER, organization=organization, to=_("change the status page of %(name)s"))


@transaction.atomic
def status_page_save(*, actor: Viewer, organization: Organization, asked: StatusAsked) -> StatusPage:
    """Make the page, or change it; nothing happens if nothing is different.

    Raises `InvalidInput` naming the field, and `Forbidden`.
    """
    status_page_change_check(actor=actor, organization=organization)
    asked = _checked(asked)
    organization_lock(organization)
    before = StatusPage.objects.filter(pk=organization.pk).first()
    found = before or StatusPage(organization=organization)
    was_on = found.is_on
    wanted = (asked.slug, asked.title, asked.words, asked.is_on)
    if before is not None and wanted == (before.slug, before.title, before.words, before.is_on):
        return before
    found.slug, found.title, found.words, found.is_on = wanted
    found.changed_at = clock.now()
    try:
        with transaction.atomic():
            found.save(force_insert=before is None)
    except IntegrityError as error:
        # This organization's row is locked, so only the name can be in the way: another organization took it first.
        raise InvalidInput(_("Another status page has this name: choose another."), field="slug") from error
    audit(actor, found, "status.change", slug=found.slug)
    if was_on != found.is_on:
        audit(actor, found, "status.publish" if found.is_on else "status.hide", slug=found.slug)
    return found


@transaction.atomic
def status_item_add(
    *, actor: Viewer, page: StatusPage, name: str, station: Station | None = None, site: Site | None = None
) -> StatusItem:
    """Show a station or a site under this name, or rename what is shown already.

    Raises `InvalidInput` naming the field, `NotFound` for what is not of this organization, `TooMany` and `Forbidden`.
    """
    status_page_change_check(actor=actor, organization=page.organization)
    name = text_check(name, field="name", most=NAME_MOST)
    thing = station if station is not None else site
    if thing is None or (station is not None and site is not None):
        raise InvalidInput(_("Choose one station or one site."), field="thing")
    # One change at a time, so that the limit holds.
    organization_lock(page.organization)
    if thing.organization_id != page.organization_id or (station is not None and not _is_shown(station)):
        raise NotFound(_("There is no such station or site in this organization."))
    items = StatusItem.objects.filter(page=page)
    item = items.filter(station=station, site=site).first()
    if item is None:
        positions = list(items.values_list("position", flat=True))
        if len(positions) >= ITEMS_MOST:
            raise TooMany(
                _("A status page shows at most %(most)d stations and sites: remove one first.") % {"most": ITEMS_MOST}
            )
        place = max(positions, default=0) + 1
        item = StatusItem.objects.create(page=page, station=station, site=site, name=name, position=place)
    elif item.name == name:
        return item
    else:
        item.name = name
        item.save(update_fields=["name"])
    audit(actor, page, "status.show", thing=str(thing), name=name)
    return item


@transaction.atomic
def status_item_remove(*, actor: Viewer, page: StatusPage, item_id: int) -> None:
    """Show it no longer. Raises `NotFound` if it is not shown, and `Forbidden`."""
    status_page_change_check(actor=actor, organization=page.organization)
    item = StatusItem.objects.select_for_update().filter(page=page, pk=item_id).first()
    if item is None:
        raise NotFound(_("The status page does not show this."))
    item.delete()
    audit(actor, page, "status.unshow", name=item.name)


def station_unshow(*, station: Station) -> None:
    """Take a station that goes to another organization off the page of the old one."""
    StatusItem.objects.filter(station=station).delete()


def _is_shown(station: Station) -> bool:
    return station.deleted_at is None


def _checked(asked: StatusAsked) -> StatusAsked:
    """The same, trimmed. Raises `InvalidInput`."""
    if not _SLUG.match(asked.slug) or len(asked.slug) > SLUG_MOST:
        raise InvalidInput(
            _("Use lower-case letters, digits and single hyphens in the name for addresses, such as field-work."),
            field="slug",
        )
    return replace(
        asked,
        title=text_check(asked.title, field="title", most=TITLE_MOST),
        words=paragraphs_check(asked.words, field="words", most=WORDS_MOST),
    )
