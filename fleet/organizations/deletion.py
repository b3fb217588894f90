"""Deleting an organization: it is hidden at once, and its owners can restore it within 30 days.

After that, `fleet.lifecycle.purge_organization` removes it.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.core.spoken import one_line, stamp_words
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock, organization_missing, owner_require
from fleet.organizations.models import Organization
from fleet.organizations.people import speaking_to

#: How long a deletion can be undone.
GRACE = timedelta(days=30)


@transaction.atomic
def organization_delete(*, organization: Organization, typed: str, actor: Viewer) -> Organization:
    """Hide the organization and all that belongs to it. `typed`: its name, typed by a person as confirmation."""
    owner_require(actor, organization)
    organization = organization_lock(organization)
    if typed.strip() != organization.name:
        raise InvalidInput(
            _("The name does not match: type %(name)s exactly to delete it.") % {"name": repr(organization.name)},
            field="name",
        )
    moment = clock.now()
    Organization.objects.filter(pk=organization.pk, deleted_at=None).update(deleted_at=moment)
    organization.deleted_at = moment
    audit_write(
        actor=actor.user, organization_id=organization.id, action="organization.delete", subject=organization.name
    )
    _tell_owners(organization, actor.name)
    return organization


@transaction.atomic
def organization_restore(*, slug: str, actor: Viewer) -> Organization:
    """Undo a deletion. Raises `NotFound` if the viewer was not an owner or the 30 days are over."""
    gone = Organization.objects.select_for_update(no_key=True).filter(slug=slug).exclude(deleted_at=None)
    if not actor.sees_all:
        owned = gone.filter(memberships__user=actor.user, memberships__role=Role.OWNER)
        gone = owned if actor.user is not None else gone.none()
    organization = gone.first()
    if organization is None or organization.deleted_at is None or purge_at(organization) <= clock.now():
        raise organization_missing()
    Organization.objects.filter(pk=organization.pk).update(deleted_at=None)
    organization.deleted_at = None
    audit_write(
        actor=actor.user, organization_id=organization.id, action="organization.restore", subject=organization.name
    )
    return organization


def purge_at(organization: Organization) -> datetime:
    """When a deleted organization can no longer be restored."""
    assert organization.deleted_at is not None  # noqa: S101 - asked of deleted ones only
    return organization.deleted_at + GRACE


def _tell_owners(organization: Organization, who: str) -> None:
    """Mail all owners: the one who deleted it may have made a mistake, or may be a thief."""
    owners = User.objects.filter(
        memberships__organization=organization, memberships__role=Role.OWNER, is_active=True
    ).exclude(email="")
    told = {
        "who": who,
        "name": organization.name,
        "address": f"{settings.SITE_URL}/organizations/",
    }
    for owner in owners.order_by("id"):
        with speaking_to(email=owner.email, organization=organization):
            told["day"] = stamp_words(purge_at(organization))
            body = _(
                "%(who)s deleted %(name)s. Nobody can see it any longer, and its API keys no longer work.\n\n"
                "Until %(day)s any of its owners can restore it with all its stations and data:\n"
                "%(address)s\n\n"
                "Until then, Roost still stores what its stations send. After that, everything is permanently "
                "deleted.\n"
            )
            send_mail(one_line(_("Deleted: %(name)s") % told), body % told, None, [owner.email])
