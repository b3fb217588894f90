"""Writing down who changed what."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User

from fleet.core import clock
from fleet.core.models import AuditEntry


def audit_write(
    *,
    actor: User | AnonymousUser | None,
    organization_id: int | None,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """One line in the audit log, in the transaction of the change. `actor` None: Roost itself or a machine."""
    known = actor if isinstance(actor, User) else None
    return AuditEntry.objects.create(
        at=clock.now(),
        actor=known,
        actor_name=known.get_username() if known else "",
        organization_id=organization_id,
        action=action,
        subject=subject[:200],
        detail=detail or {},
    )
