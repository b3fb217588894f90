"""Queries for organizations and their members."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_missing
from fleet.organizations.models import Membership, Organization


def organization_list(*, viewer: Viewer) -> QuerySet[Organization]:
    """The viewer's organizations by name, without deleted ones."""
    return Organization.objects.filter(viewer.organizations(), deleted_at=None).order_by("name")


def organization_get(*, name: str) -> Organization:
    """One organization by name or slug, for the command line."""
    found = Organization.objects.filter(Q(name__iexact=name) | Q(slug=name), deleted_at=None).first()
    if found is None:
        raise NotFound(
            _("There is no organization %(name)s. Create it with: ./roost organization add NAME.")
            % {"name": repr(name)}
        )
    return found


def organization_find(*, viewer: Viewer, slug: str) -> Organization:
    """One of the viewer's organizations. Raises `NotFound` for any other, and for a deleted one."""
    found = organization_list(viewer=viewer).filter(slug=slug).first()
    if found is None:
        raise organization_missing()
    return found


def organizations_deleted(*, viewer: Viewer) -> list[Organization]:
    """Deleted organizations that this viewer can restore, by name: those it owned; for administrators, all."""
    gone = Organization.objects.exclude(deleted_at=None).order_by("name")
    if viewer.sees_all:
        return list(gone)
    return list(gone.filter(memberships__user=viewer.user, memberships__role=Role.OWNER)) if viewer.user else []


def member_list(
    *, organization: Organization, role: Membership.Role | None = None, search: str = ""
) -> QuerySet[Membership]:
    """The members of an organization with their roles, by login name. `search`: part of that name."""
    found = Membership.objects.filter(organization=organization).select_related("user").order_by("user__username")
    if role is not None:
        found = found.filter(role=role)
    return found.filter(user__username__icontains=search) if search else found
