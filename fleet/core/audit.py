"""Writing the audit log."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User

from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.core.origin import origin_now


def audit_write(
    *,
    actor: User | AnonymousUser | None,
    organization_id: int | None,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write one audit entry in the transaction of the change. `actor` None: a key, the command line, or Roost."""
    known = actor if isinstance(actor, User) else None
    origin = origin_now()
    return AuditEntry.objects.create(
        at=clock.now(),
        actor=known,
        actor_name=(known.get_username() if known else origin.name)[:150],
        key_prefix=origin.key_prefix,
        address=origin.address,
        organization_id=organization_id,
        action=action,
        subject=subject[:200],
        detail=detail or {},
    )
