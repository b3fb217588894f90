"""Destinations of alerts: listing, adding, switching, testing and deleting them."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.alerts.channels import channels
from fleet.alerts.channels.mail import NAME as MAIL
from fleet.alerts.models import Destination, Notification
from fleet.alerts.notifications.planning import notification_plan_test
from fleet.alerts.notifications.sealed_addresses import address_sealed, label_distinct
from fleet.alerts.notifications.signing_secrets import destination_secret, seed_new
from fleet.alerts.sending.sending import senders_wake
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock, organization_missing, owner_require
from fleet.organizations.models import Membership, Organization

#: Maximum test messages of an organization within this time.
TESTS_MOST, TESTS_WITHIN = 5, timedelta(minutes=10)
#: Maximum destinations with an address of an organization, and of each member there.
DESTINATIONS_MOST = 10
_DELETED = "The destination was deleted before this was sent."


def destination_list(*, viewer: Viewer, organization: Organization) -> QuerySet[Destination]:
    """The viewer's own destinations for alerts of an organization; for owners, also the organization's."""
    if not viewer.may(Role.VIEWER, organization.pk):
        raise organization_missing()
    shown = Q(pk=None)
    if viewer.user is not None:
        shown |= Q(membership__organization=organization, membership__user=viewer.user)
    if viewer.may(Role.OWNER, organization.pk):
        shown |= Q(organization=organization)
    found = Destination.objects.filter(shown).select_related(
        "organization", "membership__user", "membership__organization"
    )
    # The organization's own come last. Mail, which has no address, comes first.
    return found.order_by(F("membership").asc(nulls_last=True), "address")


def destination_get(*, viewer: Viewer, organization: Organization, destination_id: int) -> Destination:
    """One destination that the viewer may change. Raises `NotFound` for owners, and `Forbidden` for other members."""
    found = destination_list(viewer=viewer, organization=organization).filter(pk=destination_id).first()
    if found is None:
        viewer.require(Role.OWNER, organization=organization, to=_("see destinations that are not your own"))
        raise NotFound(_("There is no such destination."))
    return found


@transaction.atomic
def destination_add(
    *, actor: Viewer, organization: Organization, channel: str, address: str, is_own: bool
) -> tuple[Destination, str]:
    """Add a destination: owners for the organization, every member for themselves. Returns it with its secret."""
    membership = _membership(actor, organization) if is_own else None
    if membership is None:
        owner_require(actor, organization)
    _person_require(actor)
    kind = channels().get(channel)
    if kind is None or kind.check is None:
        raise InvalidInput(_("There is no such channel."), field="channel")
    address = address.strip()
    kind.check(address)
    sealed = ""
    if kind.label is not None:
        sealed, address = address_sealed(address), label_distinct(kind.label(address), address)
    organization_lock(organization)
    ours = Q(organization=organization)
    known = Destination.objects.filter(ours | Q(membership__organization=organization))
    if known.filter(channel=channel, address=address).exists():
        raise InvalidInput(_("Alerts of this organization go to this address already."), field="address")
    entered = known.filter(ours if membership is None else Q(membership=membership)).exclude(address="")
    if entered.count() >= DESTINATIONS_MOST:
        raise TooMany(_("There can be at most %(n)d destinations: delete one first.") % {"n": DESTINATIONS_MOST})
    made = Destination.objects.create(
        organization=organization if membership is None else None,
        membership=membership,
        channel=channel,
        address=address,
        sealed_address=sealed,
        secret_seed=seed_new() if kind.has_secret else "",
        created_at=clock.now(),
    )
    _audit(actor, organization.pk, "destination.add", made)
    return made, destination_secret(made)


@transaction.atomic
def destination_switch(*, actor: Viewer, destination: Destination, is_on: bool, is_by_link: bool = False) -> None:
    """Switch a destination on or off. Waiting messages are not sent while it is off.

    `is_by_link`: with the address in a mail, without a login.
    """
    _person_require(actor)
    if Destination.objects.filter(pk=destination.pk, is_on=not is_on).update(is_on=is_on):
        how = {"is_by_link": True} if is_by_link else {}
        _audit(actor, organization_of(destination).pk, "alerts.choose", destination, is_on=is_on, **how)
    destination.is_on = is_on


@transaction.atomic
def destination_delete(*, actor: Viewer, destination: Destination) -> None:
    """Delete a destination, and drop what waits for it. A member's mail can only be switched off."""
    _person_require(actor)
    if destination.channel == MAIL:
        raise Conflict(_("Mails cannot be deleted: switch them off instead."))
    unsent = Notification.objects.filter(destination=destination, state__in=["pending", "sending"])
    unsent.update(state=Notification.State.DROPPED, last_error=_DELETED)
    _audit(actor, organization_of(destination).pk, "destination.delete", destination)
    destination.delete()


@transaction.atomic
def destination_test(*, actor: Viewer, destination: Destination) -> None:
    """Send a test message the way alerts are sent, but with a single attempt.

    Raises `TooMany` while one is on its way or after too many, `Conflict` if the destination is off.
    """
    _person_require(actor)
    organization = organization_lock(organization_of(destination))
    held = Destination.objects.select_for_update().filter(pk=destination.pk).first()
    if held is None:
        raise NotFound(_("There is no such destination."))
    if not held.is_on:
        raise Conflict(_("It is switched off: switch it on first."))
    address = destination.address or destination_shown(destination)
    if not address:
        raise Conflict(_("Roost has no mail address for you, so it cannot send you alerts."))
    unsent = Notification.objects.filter(destination=held, phase=Notification.Phase.TEST)
    if unsent.filter(state__in=["pending", "sending"]).exists():
        raise TooMany(_("A test message is on its way already. See below what becomes of it."))
    _tests_brake(organization)
    notification_plan_test(destination=held, address=address, organization=organization, moment=clock.now())
    senders_wake()


def _tests_brake(organization: Organization) -> None:
    since = clock.now() - TESTS_WITHIN
    tests = Notification.objects.filter(organization=organization, phase=Notification.Phase.TEST, created_at__gt=since)
    if tests.count() >= TESTS_MOST:
        raise TooMany(
            _("%(n)d test messages were sent in the last %(minutes)d minutes. Wait a while before the next one.")
            % {"n": TESTS_MOST, "minutes": TESTS_WITHIN // timedelta(minutes=1)}
        )


def organization_of(destination: Destination) -> Organization:
    """The organization whose alerts go there."""
    if destination.organization is not None:
        return destination.organization
    if destination.membership is None:
        raise AssertionError("The database allows no destination of nobody.")
    return destination.membership.organization


def destination_shown(destination: Destination) -> str:
    """The address without the parts that work as a password; for mail, the person's current address."""
    if not destination.address:
        return destination.membership.user.email if destination.membership else ""
    kind = channels().get(destination.channel)
    return kind.shown(destination.address) if kind else ""


def result_words(destination: Destination) -> str:
    """The result of the last message, in one sentence."""
    if destination.last_result_at is None:
        return _("Nothing has been sent there yet.")
    return destination.last_error or _("Delivered.")


def mail_choices(*, user: User) -> QuerySet[Membership]:
    """A person's memberships, each with `is_alerted`: whether alerts of the organization reach this person by mail."""
    mail = Destination.objects.filter(membership=OuterRef("pk"), channel=MAIL, is_on=True)
    held = Membership.objects.filter(user=user, organization__deleted_at=None)
    return held.annotate(is_alerted=Exists(mail)).select_related("organization").order_by("organization__name")


@transaction.atomic
def mail_choose(*, actor: Viewer, organization_id: int, is_alerted: bool) -> None:
    """Set whether this member gets an organization's alerts by mail. Raises `NotFound` for others."""
    own = Destination.objects.filter(membership__user=actor.user, membership__organization=organization_id)
    found = own.filter(channel=MAIL).select_related("membership__organization").first()
    if found is None:
        raise _not_a_member()
    destination_switch(actor=actor, destination=found, is_on=is_alerted)


def _membership(actor: Viewer, organization: Organization) -> Membership:
    if not actor.may(Role.VIEWER, organization.pk):
        raise organization_missing()
    _person_require(actor)
    found = Membership.objects.filter(user=actor.user, organization=organization).first()
    if found is None:
        raise _not_a_member()
    return found


def _not_a_member() -> NotFound:
    return NotFound(_("You are not a member of this organization, so you get none of its alerts."))


def _person_require(actor: Viewer) -> None:
    if actor.user is None:
        raise Forbidden(_("Keys cannot change where alerts go. Log in as a person."))


def _audit(actor: Viewer, organization_id: int, action: str, destination: Destination, **detail: bool) -> None:
    audit_write(
        actor=actor.user,
        organization_id=organization_id,
        action=action,
        subject=f"{destination.channel} {destination_shown(destination)}",
        detail={"destination": destination.pk, "is_own": destination.membership_id is not None, **detail},
    )
