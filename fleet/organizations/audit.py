"""Reading the audit log of an organization, newest first. Only its owners may."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from fleet.core.models import AuditEntry
from fleet.organizations.access import Viewer
from fleet.organizations.members import owner_require
from fleet.organizations.models import Organization

#: Lines of an export that are asked for at once.
_PIECE = 1_000


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines; empty is all. `who`: a login name, or `key NAME`. `start` is in, `end` is not."""

    who: str = ""
    action: str = ""
    subject: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """The place of a line in the log."""

    at: datetime
    entry_id: int


def audit_list(
    *,
    viewer: Viewer,
    organization: Organization,
    chosen: AuditFilter | None = None,
    after: AuditPlace | None = None,
) -> QuerySet[AuditEntry]:
    """Lines newest first, those below a place in the list. Raises `NotAllowed` for whoever does not own it."""
    owner_require(viewer, organization)
    chosen = chosen or AuditFilter()
    entries = AuditEntry.objects.filter(organization_id=organization.pk)
    if chosen.who:
        entries = entries.filter(actor_name=chosen.who)
    if chosen.action:
        entries = entries.filter(action=chosen.action)
    if chosen.subject:
        entries = entries.filter(subject=chosen.subject)
    if chosen.start:
        entries = entries.filter(at__gte=chosen.start)
    if chosen.end:
        entries = entries.filter(at__lt=chosen.end)
    if after:
        # The first condition alone is what the index is entered by.
        entries = entries.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(id__lt=after.entry_id))
    return entries.order_by("-at", "-id")


def audit_export(*, viewer: Viewer, organization: Organization, chosen: AuditFilter) -> Iterator[AuditEntry]:
    """All lines of a choice, asked for piece by piece as they are read, so that a long log is never held whole."""
    owner_require(viewer, organization)
    return _pieces(viewer, organization, chosen)


def _pieces(viewer: Viewer, organization: Organization, chosen: AuditFilter) -> Iterator[AuditEntry]:
    after: AuditPlace | None = None
    while some := list(audit_list(viewer=viewer, organization=organization, chosen=chosen, after=after)[:_PIECE]):
        yield from some
        after = AuditPlace(some[-1].at, some[-1].id)
