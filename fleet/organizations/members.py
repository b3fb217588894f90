"""Members of an organization: adding, roles, leaving and handing over. At least one owner who can log in remains.

Every change locks the organization's row first, so that it keeps an owner even if two leave at the same moment.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Membership, Organization


@transaction.atomic
def member_add(
    *, organization: Organization, user: User, role: Membership.Role, actor: Viewer | None = None
) -> Membership:
    """Add a person to an organization, or change their role there. `actor` None: the command line."""
    if actor is not None:
        owner_require(actor, organization)
    organization_lock(organization)
    return member_write(organization, user, role, actor.user if actor else None)


@transaction.atomic
def member_role_set(*, organization: Organization, username: str, role: Membership.Role, actor: Viewer) -> Membership:
    """Change a member's role. Raises `NotFound`, and `Conflict` if no owner would be left."""
    owner_require(actor, organization)
    organization_lock(organization)
    member = member_get(organization=organization, username=username)
    return member_write(organization, member.user, role, actor.user)


@transaction.atomic
def member_remove(*, organization: Organization, username: str, actor: Viewer) -> None:
    """Remove a member: owners can remove anybody, members can leave. Raises `NotFound` and `Conflict`."""
    is_self = actor.user is not None and actor.user.get_username() == username
    if not is_self:
        owner_require(actor, organization)
    organization_lock(organization)
    member = member_get(organization=organization, username=username)
    _check_owner_stays(member)
    member.delete()
    audit_write(
        actor=actor.user,
        organization_id=organization.id,
        action="member.leave" if is_self else "member.remove",
        subject=username,
        detail={"role": member.role},
    )


@transaction.atomic
def ownership_transfer(*, organization: Organization, username: str, actor: Viewer) -> Membership:
    """Make another member an owner and step down to operator, in one step. Raises `NotFound` and `InvalidInput`."""
    owner_require(actor, organization)
    organization_lock(organization)
    member = member_get(organization=organization, username=username)
    if actor.user is not None and member.user_id == actor.user.pk:
        raise InvalidInput(_("You cannot hand it over to yourself: choose another member."), field="username")
    if not member.user.is_active:
        raise InvalidInput(
            _("%(name)s cannot log in and so cannot be the owner.") % {"name": username}, field="username"
        )
    member_write(organization, member.user, Role.OWNER, actor.user)
    if actor.user is not None and actor.user.memberships.filter(organization=organization).exists():
        member_write(organization, actor.user, Role.OPERATOR, actor.user)
    audit_write(actor=actor.user, organization_id=organization.id, action="organization.transfer", subject=username)
    member.refresh_from_db()
    return member


def member_get(*, organization: Organization, username: str) -> Membership:
    """One member by login name. Raises `NotFound`."""
    found = Membership.objects.select_related("user").filter(organization=organization, user__username=username).first()
    if found is None:
        raise NotFound(_("%(name)s has no member %(username)s.") % {"username": username, "name": organization.name})
    return found


def owner_require(actor: Viewer, organization: Organization) -> None:
    """Raise `NotFound` for viewers who do not see the organization, `Forbidden` for those who are not owners."""
    if not actor.may(Role.VIEWER, organization.id):
        raise organization_missing()
    actor.require(Role.OWNER, organization=organization, to=_("manage %(name)s"))


def organization_lock(organization: Organization) -> Organization:
    """Lock the row until the transaction ends, without delaying station messages. Raises `NotFound` once deleted."""
    locked = Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk, deleted_at=None).first()
    if locked is None:
        raise organization_missing()
    return locked


def organization_missing() -> NotFound:
    """The error for an organization that does not exist, or not for this viewer."""
    return NotFound(_("There is no such organization, or you do not belong to it."))


def member_write(organization: Organization, user: User, role: Membership.Role, by: User | None) -> Membership:
    """Write the row and its audit entry; the caller holds the organization's lock."""
    held = Membership.objects.filter(organization=organization, user=user).select_related("user").first()
    if held is not None and held.role == role:
        return held
    if held is None:
        member = Membership.objects.create(organization=organization, user=user, role=role, created_at=clock.now())
        action, detail = "member.add", {"role": role.value}
    else:
        _check_owner_stays(held)
        Membership.objects.filter(pk=held.pk).update(role=role)
        action, detail = "member.role", {"role": role.value, "before": held.role}
        held.role = role
        member = held
    audit_write(actor=by, organization_id=organization.id, action=action, subject=user.get_username(), detail=detail)
    return member


def _check_owner_stays(member: Membership) -> None:
    """Raise `Conflict` if this member is the only owner who can log in."""
    if member.role != Role.OWNER:
        return
    owners = Membership.objects.filter(organization=member.organization_id, role=Role.OWNER, user__is_active=True)
    if member.user.is_active and not owners.exclude(pk=member.pk).exists():
        raise Conflict(
            _("%(username)s is the only owner of %(name)s: make somebody else an owner first, or delete it.")
            % {"username": member.user.get_username(), "name": member.organization.name}
        )
