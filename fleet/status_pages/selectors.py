"""Queries for status pages. The public ones find only pages that are on, of organizations that are not deleted."""

from datetime import datetime

from django.db.models import F, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.organizations.models import Organization
from fleet.status_pages.models import Notice, NoticeUpdate, StatusItem, StatusPage


def status_page_of(*, organization: Organization) -> StatusPage | None:
    """The page of an organization, on or off; None if nobody has made one. The caller has found the organization."""
    return StatusPage.objects.select_related("organization").filter(organization=organization).first()


def status_page_find(*, organization: Organization) -> StatusPage:
    """The same. Raises `NotFound`."""
    found = status_page_of(organization=organization)
    if found is None:
        raise NotFound(_("This organization has no status page yet."))
    return found


def status_page_public(*, slug: str) -> StatusPage:
    """The page that everybody sees at this address. Raises `NotFound`, with one sentence for off, deleted and absent."""
    pages = StatusPage.objects.select_related("organization").filter(is_on=True, organization__deleted_at=None)
    found = pages.filter(slug=slug).first()
    if found is None:
        raise NotFound(_("There is no such status page."))
    return found


def status_items(*, page: StatusPage) -> QuerySet[StatusItem]:
    """The items of the page, in its order; without stations that are deleted or went to another organization."""
    own = Q(station=None) | Q(station__deleted_at=None, station__organization=page.organization_id)
    found = StatusItem.objects.filter(own, page=page).select_related("station__contact", "site")
    return found.order_by("position", "pk")


def notices_of(*, page: StatusPage, since: datetime | None = None) -> QuerySet[Notice]:
    """The notices of a page with their updates, those that are open first, then the newest; `since`: still open then."""
    updates = NoticeUpdate.objects.order_by("-written_at", "-pk")
    found = Notice.objects.filter(page=page).prefetch_related(Prefetch("updates", updates)).select_related("page")
    if since is not None:
        found = found.filter(Q(over_at=None) | Q(over_at__gte=since))
    return found.order_by(F("over_at").desc(nulls_first=True), "-began_at", "-pk")


def notice_find(*, page: StatusPage, notice_id: int) -> Notice:
    """One notice of a page. Raises `NotFound`."""
    found = notices_of(page=page).select_related("page__organization").filter(pk=notice_id).first()
    if found is None:
        raise NotFound(_("There is no such notice."))
    return found
