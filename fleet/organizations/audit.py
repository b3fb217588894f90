"""Queries of an organization's audit log, newest first. For owners only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from fleet.core.models import AuditEntry
from fleet.organizations.access import Viewer
from fleet.organizations.members import owner_require
from fleet.organizations.models import Organization

#: Entries that an export fetches at once.
_PIECE = 1_000


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Criteria for entries; empty means all. `who`: a login name, or `key NAME`. `start` is included, `end` is not."""

    who: str = ""
    action: str = ""
    subject: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """A position in the log."""

    at: datetime
    entry_id: int


def audit_list(
    *,
    viewer: Viewer,
    organization: Organization,
    chosen: AuditFilter | None = None,
    after: AuditPlace | None = None,
) -> QuerySet[AuditEntry]:
    """Entries newest first, starting below `after`. Raises `Forbidden` for viewers who are not owners."""
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
        # The first condition alone is what lets PostgreSQL use the index.
        entries = entries.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(id__lt=after.entry_id))
    return entries.order_by("-at", "-id")


def audit_export(*, viewer: Viewer, organization: Organization, chosen: AuditFilter) -> Iterator[AuditEntry]:
    """All matching entries, fetched in chunks while they are read, so that a long log never fills the memory."""
    owner_require(viewer, organization)
    return _pieces(viewer, organization, chosen)


def _pieces(viewer: Viewer, organization: Organization, chosen: AuditFilter) -> Iterator[AuditEntry]:
    after: AuditPlace | None = None
    while some := list(audit_list(viewer=viewer, organization=organization, chosen=chosen, after=after)[:_PIECE]):
        yield from some
        after = AuditPlace(some[-1].at, some[-1].id)
