"""Writing the audit log."""

from typing import Any, Protocol

from django.contrib.auth.models import AnonymousUser, User

from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.core.requests.origin import origin_now


class Actor(Protocol):
    """A person or key that does something, or the server itself."""

    @property
    def user(self) -> User | None:
        """The person, if it is one."""

    @property
    def name(self) -> str:
        """A name for the log."""


class Audited(Protocol):
    """A row that the audit log can name."""

    def audited_as(self) -> tuple[int | None, str]:
        """The organization in whose log it is listed, and its name there."""


def audit(actor: Actor | None, subject: Audited, action: str, /, **detail: object) -> AuditEntry:
    """Record what the actor did to the subject, in the transaction of the change. `actor` None: Roost itself."""
    organization_id, name = subject.audited_as()
    return audit_write(
        actor=actor.user if actor else None,
        organization_id=organization_id,
        action=action,
        subject=name,
        detail={**detail, "by": actor.name} if actor else detail,
    )


def audit_write(
    *,
    actor: User | AnonymousUser | None,
    organization_id: int | None,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write an entry about something that is not `Audited`. `actor` None: a key, the command line, or Roost."""
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
