"""Writing, ending and removing notices. They are public at once if the status page is on."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.services import paragraphs_check, text_check
from fleet.status_pages.models import Notice, NoticeUpdate, StatusPage

#: Maximum open notices of a page, and notices in all; updates of a notice; characters of an update.
OPEN_MOST, NOTICES_MOST, UPDATES_MOST, TEXT_MOST = 10, 500, 50, 2_000
TITLE_MOST = 120
#: A beginning further back is a typing error.
_BEGAN_MOST = timedelta(days=366)


def notice_write_check(*, actor: Viewer, page: StatusPage) -> None:
    """Raise `Forbidden` if the actor may not write notices."""
    actor.require(Role.OPERATOR, organization=page.organization, to=_("write notices of %(name)s"))


@transaction.atomic
def notice_open(*, actor: Viewer, page: StatusPage, title: str, text: str, began_at: datetime | None = None) -> Notice:
    """Write a notice with its first update. `began_at` defaults to now.

    Raises `InvalidInput` naming the field, `TooMany` and `Forbidden`.
    """
    notice_write_check(actor=actor, page=page)
    title = text_check(title, field="title", most=TITLE_MOST)
    text = _text_checked(text)
    moment = clock.now()
    began_at = began_at or moment
    if not moment - _BEGAN_MOST <= began_at <= moment:
        raise InvalidInput(_("Enter a time within the past year."), field="began_at")
    # One at a time, so that the limits hold.
    organization_lock(page.organization)
    notices = Notice.objects.filter(page=page)
    if notices.filter(over_at=None).count() >= OPEN_MOST:
        raise TooMany(_("%(most)d notices are open: end one of them first.") % {"most": OPEN_MOST})
    if notices.count() >= NOTICES_MOST:
        raise TooMany(_("There are %(most)d notices already: remove an old one first.") % {"most": NOTICES_MOST})
    made = Notice.objects.create(page=page, title=title, began_at=began_at)
    _update_add(actor, made, text, moment, is_end=False)
    audit(actor, made, "status.notice", text=text)
    return made


@transaction.atomic
def notice_update(*, actor: Viewer, notice: Notice, text: str, is_end: bool) -> NoticeUpdate:
    """Add an update; with `is_end`, the notice is over.

    Raises `Conflict` if it is over already, `InvalidInput` naming the field, `NotFound`, `TooMany` and `Forbidden`.
    """
    notice_write_check(actor=actor, page=notice.page)
    text = _text_checked(text)
    locked = _locked(notice)
    if locked.over_at is not None:
        raise Conflict(_("This notice is over: write another one."))
    # The last possible update is reserved for the one that ends the notice.
    if locked.updates.count() >= UPDATES_MOST - (not is_end):
        raise TooMany(_("A notice has at most %(most)d updates: end this one.") % {"most": UPDATES_MOST})
    moment = clock.now()
    made = _update_add(actor, locked, text, moment, is_end=is_end)
    if is_end:
        locked.over_at = moment
        locked.save(update_fields=["over_at"])
    audit(actor, locked, "status.end" if is_end else "status.update", text=text)
    return made


@transaction.atomic
def notice_remove(*, actor: Viewer, notice: Notice) -> None:
    """Permanently remove a notice with its updates: for what should not have been public. The audit log keeps it."""
    notice_write_check(actor=actor, page=notice.page)
    locked = _locked(notice)
    texts = list(locked.updates.order_by("pk").values_list("text", flat=True))
    locked.delete()
    audit(actor, notice, "status.notice_remove", updates=texts)


def _text_checked(text: str) -> str:
    text = paragraphs_check(text, field="text", most=TEXT_MOST)
    if not text:
        raise InvalidInput(_("Write at least a few words."), field="text")
    return text


def _locked(notice: Notice) -> Notice:
    locked = Notice.objects.select_for_update().filter(pk=notice.pk).first()
    if locked is None:
        raise NotFound(_("There is no such notice."))
    return locked


def _update_add(actor: Viewer, notice: Notice, text: str, moment: datetime, *, is_end: bool) -> NoticeUpdate:
    return NoticeUpdate.objects.create(
        notice=notice,
        text=text,
        is_end=is_end,
        written_at=moment,
        written_by=actor.user,
        written_by_name=actor.name[:150],
    )
