"""Queries for an organization's pages and their revisions; those for public pages need no viewer.

Callers that pass an organization have found it with `organization_find`, so the viewer may see it.
"""

from collections.abc import Collection

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.organizations.models import Organization
from fleet.wiki.models import WikiPage, WikiRevision


def page_list(*, organization: Organization) -> QuerySet[WikiPage]:
    """The pages of an organization in their order."""
    found = WikiPage.objects.filter(organization=organization).select_related("organization")
    return found.order_by("position", "title", "pk")


def page_find(*, organization: Organization, slug: str) -> WikiPage:
    """One page of an organization. Raises `NotFound`."""
    found = page_list(organization=organization).filter(slug=slug).first()
    if found is None:
        raise page_missing()
    return found


def page_missing() -> NotFound:
    """The refusal for a page that is not there."""
    return NotFound(_("There is no such page."))


def revision_list(*, page: WikiPage) -> QuerySet[WikiRevision]:
    """The revisions of a page that are kept, the newest first."""
    return WikiRevision.objects.filter(page=page).order_by("-number")


def revision_find(*, page: WikiPage, number: int) -> WikiRevision:
    """One revision of a page. Raises `NotFound`."""
    found = WikiRevision.objects.filter(page=page, number=number).first()
    if found is None:
        raise NotFound(_("This page has no such revision, or it was removed because many are newer."))
    return found


def revision_newest(page: WikiPage) -> WikiRevision:
    """The page as it is now. Raises `NotFound` if it was removed meanwhile."""
    found = revision_list(page=page).first()
    if found is None:
        raise page_missing()
    return found


def public_pages(*, slug: str) -> QuerySet[WikiPage]:
    """The public pages of the organization with this slug in their order; none of a deleted one."""
    found = WikiPage.objects.filter(organization__slug=slug, organization__deleted_at=None, is_public=True)
    return found.select_related("organization").order_by("position", "title", "pk")


def public_page_find(*, slug: str, page_slug: str) -> WikiPage:
    """One public page. Raises `NotFound` with the same sentence for all others."""
    found = public_pages(slug=slug).filter(slug=page_slug).first()
    if found is None:
        raise page_missing()
    return found


def slugs_of(*, organization: Organization, slugs: Collection[str], is_public: bool) -> set[str]:
    """The names among these that are pages of the organization; with `is_public`, only public ones."""
    found = WikiPage.objects.filter(organization=organization, slug__in=list(slugs))
    return set((found.filter(is_public=True) if is_public else found).values_list("slug", flat=True))
