"""Writing, restoring and removing pages of an organization. If two write at once, the later one is refused."""

import re
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization
from fleet.organizations.services import paragraphs_check, text_check
from fleet.wiki.models import WikiPage, WikiRevision
from fleet.wiki.selectors import page_missing, revision_newest

#: Maximum pages of an organization, revisions of a page that are kept, and characters of a text.
PAGES_MOST, REVISIONS_MOST, TEXT_MOST = 100, 100, 40_000
TITLE_MOST, SLUG_MOST, REMARK_MOST, POSITION_MOST = 120, 60, 200, 9_999
#: Names that are taken by other addresses.
_TAKEN = frozenset({"add"})
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class PageAsked:
    """A page as somebody wants it. An empty `slug` is made from the title; a page keeps the one that it got first."""

    title: str
    text: str
    slug: str = ""
    is_public: bool = False
    position: int = 0
    remark: str = ""


class PageChanged(Conflict):
    """Somebody else changed the page since the revision that this change started from."""


def page_change_check(*, actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` if the actor may not write the organization's pages."""
    actor.require(Role.OPERATOR, organization=organization, to=_("write pages of %(name)s"))


@transaction.atomic
def page_create(*, actor: Viewer, organization: Organization, asked: PageAsked) -> WikiPage:
    """Write a new page. Raises `InvalidInput` naming the field, `TooMany` and `Forbidden`."""
    page_change_check(actor=actor, organization=organization)
    asked = _checked(asked)
    # One at a time, so that the limit holds and a free name stays free until it is taken.
    organization = organization_lock(organization)
    slugs = set(WikiPage.objects.filter(organization=organization).values_list("slug", flat=True))
    if len(slugs) >= PAGES_MOST:
        raise TooMany(
            _("%(name)s already has %(most)d pages: remove one first.")
            % {"name": organization.name, "most": PAGES_MOST}
        )
    page = WikiPage.objects.create(
        organization=organization,
        slug=_slug_check(asked.slug, slugs) if asked.slug else _slug_free(asked.title, slugs),
        title=asked.title,
        is_public=asked.is_public,
        position=asked.position,
        changed_at=clock.now(),
        changed_by_name=actor.name[:150],
    )
    _revision_add(actor, page, asked)
    audit(actor, page, "page.create", slug=page.slug, is_public=page.is_public)
    return page


@transaction.atomic
def page_write(*, actor: Viewer, page: WikiPage, asked: PageAsked, based_on: int) -> WikiPage:
    """Change a page; nothing happens if nothing is different. `based_on`: the revision that the writer started from.

    Raises `PageChanged` if that is not the newest one, `InvalidInput` naming the field, and `Forbidden`.
    """
    page_change_check(actor=actor, organization=page.organization)
    asked = _checked(asked)
    locked = WikiPage.objects.select_for_update(no_key=True).filter(pk=page.pk).select_related("organization").first()
    if locked is None:
        raise page_missing()
    if locked.number != based_on:
        raise PageChanged(
            _("%(who)s changed this page while you were writing.") % {"who": locked.changed_by_name or "?"}
        )
    before, was_public = revision_newest(locked), locked.is_public
    wanted = (asked.title, asked.text, asked.is_public, asked.position)
    if wanted == (locked.title, before.text, was_public, locked.position):
        return locked
    locked.title, locked.is_public, locked.position = asked.title, asked.is_public, asked.position
    locked.number, locked.changed_at, locked.changed_by_name = locked.number + 1, clock.now(), actor.name[:150]
    locked.save()
    _revision_add(actor, locked, asked)
    audit(actor, locked, "page.write", revision=locked.number, slug=locked.slug, remark=asked.remark)
    if was_public != locked.is_public:
        audit(actor, locked, "page.publish" if locked.is_public else "page.hide", slug=locked.slug)
    return locked


def page_restore(*, actor: Viewer, page: WikiPage, revision: WikiRevision, based_on: int) -> WikiPage:
    """Write the title and text of an old revision as the newest one. Raises `PageChanged` and `Forbidden`."""
    remark = _("Restored from revision %(number)d") % {"number": revision.number}
    asked = PageAsked(
        title=revision.title, text=revision.text, is_public=page.is_public, position=page.position, remark=remark
    )
    return page_write(actor=actor, page=page, asked=asked, based_on=based_on)


@transaction.atomic
def page_remove(*, actor: Viewer, page: WikiPage) -> None:
    """Permanently remove a page with all its revisions. Raises `Forbidden` for others than owners."""
    actor.require(Role.OWNER, organization=page.organization, to=_("remove pages of %(name)s"))
    if WikiPage.objects.filter(pk=page.pk).delete()[0]:
        audit(actor, page, "page.remove", slug=page.slug, revisions=page.number)


def _checked(asked: PageAsked) -> PageAsked:
    """The same, trimmed. Raises `InvalidInput`."""
    if not 0 <= asked.position <= POSITION_MOST:
        raise InvalidInput(_("Give a position from 0 to %(most)d.") % {"most": POSITION_MOST}, field="position")
    return replace(
        asked,
        title=text_check(asked.title, field="title", most=TITLE_MOST),
        text=paragraphs_check(asked.text, field="text", most=TEXT_MOST),
        remark=text_check(asked.remark, field="remark", most=REMARK_MOST, may_be_empty=True),
    )


def _slug_check(slug: str, taken: set[str]) -> str:
    if not _SLUG.match(slug) or len(slug) > SLUG_MOST or slug in _TAKEN:
        raise InvalidInput(
            _("Use lower-case letters, digits and single hyphens in the name for addresses, such as field-work."),
            field="slug",
        )
    if slug in taken:
        raise InvalidInput(_("Another page has this name: choose another."), field="slug")
    return slug


def _slug_free(title: str, taken: set[str]) -> str:
    stem = slugify(title).replace("_", "-")[: SLUG_MOST - 4].strip("-") or "page"
    stem = stem if _SLUG.match(stem) else "page"
    slug, number = stem, 1
    while slug in taken or slug in _TAKEN:
        number += 1
        slug = f"{stem}-{number}"
    return slug


def _revision_add(actor: Viewer, page: WikiPage, asked: PageAsked) -> None:
    """Store the page as it is now as a revision, and delete its oldest revisions beyond `REVISIONS_MOST`."""
    WikiRevision.objects.create(
        page=page,
        number=page.number,
        title=page.title,
        text=asked.text,
        is_public=page.is_public,
        remark=asked.remark,
        written_at=page.changed_at,
        written_by=actor.user,
        written_by_name=page.changed_by_name,
    )
    WikiRevision.objects.filter(page=page, number__lte=page.number - REVISIONS_MOST).delete()
