"""Invitations by mail: owners send them to one address with one role; they last seven days and can be accepted once."""

import hashlib
import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.spoken import one_line, stamp_words
from fleet.organizations.access import Role, Viewer, viewer_of_user
from fleet.organizations.addresses import address_check
from fleet.organizations.members import member_write, organization_lock, owner_require
from fleet.organizations.models import Invitation, Membership, Organization
from fleet.organizations.people import speaking_to

#: How long an invitation is valid, and how long after that its row is kept so that owners can see what happened to it.
LIFE = timedelta(days=7)
KEPT = timedelta(days=30)
#: Limits in 24 hours: mails from one organization, from one organization to one address, and from all to one address.
_A_DAY = timedelta(days=1)
_OF_ORGANIZATION, _TO_ADDRESS, _TO_ADDRESS_BY_ALL = 50, 3, 10
_CODE_BYTES = 32
STATES = ("open", "accepted", "revoked", "expired")


@transaction.atomic
def invitation_create(*, organization: Organization, email: str, role: Membership.Role, actor: Viewer) -> Invitation:
    """Invite an address. Raises `InvalidInput` naming the field, and `TooMany`."""
    owner_require(actor, organization)
    organization_lock(organization)
    email = address_check(email)
    moment = clock.now()
    if EmailAddress.objects.filter(
        email__iexact=email, verified=True, user__memberships__organization=organization
    ).exists():
        raise InvalidInput(
            _("%(email)s already belongs to a member of %(name)s.") % {"email": email, "name": organization.name},
            field="email",
        )
    waiting = _open_of(organization, moment).filter(email__iexact=email).first()
    if waiting is not None:
        raise InvalidInput(
            _("%(email)s has already been invited: send that invitation again, or revoke it.") % {"email": email},
            field="email",
        )
    return _create_and_send(organization, email, role, actor, moment, "invitation.create")


@transaction.atomic
def invitation_resend(*, organization: Organization, invitation_id: int, actor: Viewer) -> Invitation:
    """Send it again as a new invitation with a new code and seven more days; the old code stops working."""
    owner_require(actor, organization)
    organization_lock(organization)
    held = _get(organization, invitation_id)
    if held.accepted_at is not None or held.revoked_at is not None:
        raise _not_open_refusal()
    return _create_and_send(organization, held.email, Role(held.role), actor, clock.now(), "invitation.resend")


@transaction.atomic
def invitation_revoke(*, organization: Organization, invitation_id: int, actor: Viewer) -> None:
    """Revoke an invitation. Revoking it twice is no error; an accepted one is refused."""
    owner_require(actor, organization)
    held = _get(organization, invitation_id)
    if held.revoked_at is not None:
        return
    if not Invitation.objects.filter(pk=held.pk, accepted_at=None, revoked_at=None).update(revoked_at=clock.now()):
        raise _not_open_refusal()
    audit_write(actor=actor.user, organization_id=organization.id, action="invitation.revoke", subject=held.email)


def invitation_find(*, code: str) -> Invitation:
    """The open invitation with this code. Raises `NotFound`, which does not say why."""
    found = Invitation.objects.select_related("organization").filter(code_hash=_hash(code)).first()
    if found is None or not is_open(found, clock.now()) or found.organization.deleted_at is not None:
        raise _ended_refusal()
    return found


@transaction.atomic
def invitation_accept(*, code: str, user: User | None) -> Membership:
    """Join with the role offered, or keep a higher role. Accepting twice returns the first result.

    Raises `NotFound` if the invitation is not open, `Forbidden` unless the person has confirmed its address.
    """
    if user is None:
        raise Forbidden(_("Only a person can accept an invitation: log in first."))
    held = Invitation.objects.select_related("organization").filter(code_hash=_hash(code)).first()
    if held is None:
        raise _ended_refusal()
    organization = organization_lock(held.organization)
    if not EmailAddress.objects.filter(user=user, verified=True, email__iexact=held.email).exists():
        raise Forbidden(
            _(
                "This invitation went to %(email)s, which is not a confirmed address of the account "
                "%(username)s. Log in with the account that has this address, or add and confirm it in your "
                "settings."
            )
            % {"email": _mask(held.email), "username": user.get_username()}
        )
    moment = clock.now()
    is_ours = Invitation.objects.filter(pk=held.pk, accepted_at=None, revoked_at=None, expires_at__gt=moment).update(
        accepted_at=moment, accepted_by=user
    )
    present = Membership.objects.filter(organization=organization, user=user).first()
    if not is_ours:
        held.refresh_from_db()
        if held.accepted_by_id == user.pk and present is not None:
            return present
        raise _ended_refusal()
    role = Role(held.role)
    if present is None or not viewer_of_user(user).may(role, organization.id):
        present = member_write(organization, user, role, user)
    audit_write(actor=user, organization_id=organization.id, action="invitation.accept", subject=held.email)
    return present


def invitation_list(
    *, organization: Organization, actor: Viewer, state: str = "", role: str = "", search: str = ""
) -> QuerySet[Invitation]:
    """Invitations in one of `STATES`, newest first; without, all that can be accepted or sent again. For owners.

    `search` is a part of the address. Empty criteria do not limit the list.
    """
    owner_require(actor, organization)
    found = Invitation.objects.filter(organization=organization).order_by("-created_at", "-id")
    if role:
        found = found.filter(role=role)
    if search:
        found = found.filter(email__icontains=search)
    if state == "accepted":
        return found.exclude(accepted_at=None)
    found = found.filter(accepted_at=None)
    if state == "revoked":
        return found.exclude(revoked_at=None)
    found = found.filter(revoked_at=None)
    if state == "open":
        return found.filter(expires_at__gt=clock.now())
    return found.filter(expires_at__lte=clock.now()) if state == "expired" else found


def invitation_get(*, organization: Organization, invitation_id: int, actor: Viewer) -> Invitation:
    """One invitation of this organization, in any state. For owners. Raises `NotFound`."""
    owner_require(actor, organization)
    return _get(organization, invitation_id)


def invitations_prune() -> int:
    """Delete invitations that expired long ago; return how many."""
    gone, _rows = Invitation.objects.filter(expires_at__lt=clock.now() - KEPT).delete()
    return gone


def is_open(invitation: Invitation, moment: datetime) -> bool:
    """Whether it can still be accepted."""
    return invitation.accepted_at is None and invitation.revoked_at is None and invitation.expires_at > moment


def state_of(invitation: Invitation, moment: datetime) -> str:
    """One of `STATES`."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "open" if invitation.expires_at > moment else "expired"


def _create_and_send(
    organization: Organization, email: str, role: Membership.Role, actor: Viewer, moment: datetime, action: str
) -> Invitation:
    """Create the row and send its mail; earlier open invitations to this address are revoked."""
    _throttle(organization, email, moment)
    Invitation.objects.filter(organization=organization, email__iexact=email, accepted_at=None, revoked_at=None).update(
        revoked_at=moment
    )
    code = secrets.token_urlsafe(_CODE_BYTES)
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        code_hash=_hash(code),
        invited_by=actor.user,
        invited_by_name=actor.name[:150],
        created_at=moment,
        expires_at=moment + LIFE,
    )
    audit_write(
        actor=actor.user,
        organization_id=organization.id,
        action=action,
        subject=email,
        detail={"role": role.value},
    )
    with speaking_to(email=email, organization=organization):
        _send_mail(invitation, code)
    return invitation


def _send_mail(invitation: Invitation, code: str) -> None:
    told = {
        "who": invitation.invited_by_name,
        "name": invitation.organization.name,
        "role": _role_words(Role(invitation.role)),
        "address": f"{settings.SITE_URL}/invitations/{code}/",
        "site": settings.SITE_URL,
        "day": stamp_words(invitation.expires_at),
    }
    body = _(
        "%(who)s invites you to %(name)s on Roost, which looks after field stations. %(role)s\n\n"
        "Accept here, until %(day)s:\n"
        "%(address)s\n\n"
        "You can log in there, or create an account with this address.\n\n"
        "If you do not know %(who)s or %(name)s, ignore this mail and nothing will happen. Sent by %(site)s.\n"
    )
    subject = one_line(_("Invitation: %(name)s on Roost") % told)
    send_mail(subject, body % told, None, [invitation.email])


def _role_words(role: Membership.Role) -> str:
    return {
        Role.OWNER: _("You would be an owner, who can do everything in it."),
        Role.OPERATOR: _("You would be an operator, who looks after its stations."),
        Role.VIEWER: _("You would be a viewer, who can see its stations and their data."),
    }[role]


def _throttle(organization: Organization, email: str, moment: datetime) -> None:
    """Limit the mails, so that nobody can flood a mailbox through us."""
    recent = Invitation.objects.filter(created_at__gt=moment - _A_DAY)
    to_address = recent.filter(email__iexact=email)
    if recent.filter(organization=organization).count() >= _OF_ORGANIZATION:
        raise TooMany(
            _("%(name)s has sent %(most)d invitations in 24 hours: try again tomorrow.")
            % {"name": organization.name, "most": _OF_ORGANIZATION}
        )
    if to_address.filter(organization=organization).count() >= _TO_ADDRESS or to_address.count() >= _TO_ADDRESS_BY_ALL:
        raise TooMany(
            _("%(email)s has been sent enough invitations for today: ask them whether the mails arrive.")
            % {"email": email}
        )


def _open_of(organization: Organization, moment: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        organization=organization, accepted_at=None, revoked_at=None, expires_at__gt=moment
    )


def _get(organization: Organization, invitation_id: int) -> Invitation:
    found = Invitation.objects.filter(organization=organization, pk=invitation_id).first()
    if found is None:
        raise NotFound(_("There is no such invitation."))
    return found


def _mask(email: str) -> str:
    """The address shortened so that only its owner recognizes it."""
    name, _at, domain = email.partition("@")
    return f"{name[:1]}…@{domain}"


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()


def _not_open_refusal() -> Conflict:
    return Conflict(_("This invitation is no longer open: it was accepted, revoked or sent again."))


def _ended_refusal() -> NotFound:
    return NotFound(
        _(
            "This invitation does not work: it was used, revoked, sent again, or is older than seven days. Ask "
            "for a new one."
        )
    )
