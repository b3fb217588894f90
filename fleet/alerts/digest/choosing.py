"""Choosing a digest: every member for themselves, on the page of destinations or with the address in a digest."""

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.alerts.digest.facts import counted_now
from fleet.alerts.digest.periods import due_after, end_before
from fleet.alerts.models.digest import Digest
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, Forbidden, InvalidInput
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_missing
from fleet.organizations.models import Membership, Organization
from fleet.organizations.people import speaking_to


def digest_find(*, viewer: Viewer, organization: Organization) -> Digest | None:
    """The viewer's own digest of an organization, on or off; None if they never had one."""
    if viewer.user is None:
        return None
    found = Digest.objects.filter(membership__user=viewer.user, membership__organization=organization)
    return found.select_related("membership__user", "membership__organization").first()


def digest_choose_check(*, actor: Viewer, organization: Organization) -> None:
    """Raise as `digest_choose` if the actor can choose nothing here."""
    _membership(actor, organization)


@transaction.atomic
def digest_choose(*, actor: Viewer, organization: Organization, rhythm: str) -> None:
    """Get a digest in this rhythm from now on; empty: none. Nothing happens if nothing is different.

    A digest that was off starts with the current day, week or month. Raises `InvalidInput`, `Conflict` for a person who
    is not a member or has no mail address, `Forbidden` for keys, and `NotFound` if the actor may not see the
    organization.
    """
    membership = _membership(actor, organization)
    if not rhythm:
        digest_switch_off(actor=actor, membership=membership)
        return
    if rhythm not in Digest.Rhythm.values:
        raise InvalidInput(_("Choose how often a digest comes."), field="rhythm")
    if not membership.user.email:
        raise Conflict(_("Roost has no mail address for you, so it cannot send you digests."))
    # One choice at a time, even before there is a row to lock.
    Membership.objects.select_for_update(no_key=True).get(pk=membership.pk)
    before = Digest.objects.select_for_update().filter(pk=membership.pk).first()
    if before is not None and before.is_on and before.rhythm == rhythm:
        return
    with speaking_to(email=membership.user.email, organization=organization):
        told_until = end_before(clock.now(), rhythm)
        if before is not None and (before.is_on or before.told_until > told_until):
            told_until, counted = before.told_until, before.counted
        else:
            counted = counted_now(viewer=actor, organization=organization)
        due_at = due_after(told_until, rhythm)
    values = {"rhythm": rhythm, "is_on": True, "told_until": told_until, "due_at": due_at, "counted": counted}
    Digest.objects.update_or_create(membership=membership, defaults={**values, "last_error": ""})
    _audit(actor, membership, rhythm=rhythm, is_on=True)


@transaction.atomic
def digest_switch_off(*, actor: Viewer, membership: Membership, is_by_link: bool = False) -> None:
    """Send no more digests. `is_by_link`: with the address in a digest, without a login."""
    if Digest.objects.filter(pk=membership.pk, is_on=True).update(is_on=False, last_error=""):
        _audit(actor, membership, is_on=False, **({"is_by_link": True} if is_by_link else {}))


def _membership(actor: Viewer, organization: Organization) -> Membership:
    if not actor.may(Role.VIEWER, organization.pk):
        raise organization_missing()
    if actor.user is None:
        raise Forbidden(_("Keys get no digests. Log in as a person."))
    found = Membership.objects.select_related("user", "organization").filter(user=actor.user, organization=organization)
    membership = found.first()
    if membership is None:
        raise Conflict(_("You are not a member of this organization, so you get no digest of it."))
    return membership


def _audit(actor: Viewer, membership: Membership, **detail: object) -> None:
    audit_write(
        actor=actor.user,
        organization_id=membership.organization_id,
        action="digest.choose",
        subject=membership.user.get_username(),
        detail=detail,
    )
