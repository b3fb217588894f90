"""Asking for organizations, their members, and the key behind a secret."""

import re
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.organizations.access import Viewer
from fleet.organizations.models import ApiKey, Membership, Organization

_SECRET = re.compile(r"[A-Za-z0-9]{1,16}\.[A-Za-z0-9]{1,80}\Z")
#: A key's last use is written down no more often than this.
_USE_NOTED_EVERY = timedelta(minutes=1)


def organization_list(*, viewer: Viewer) -> QuerySet[Organization]:
    """The viewer's organizations by name."""
    organizations = Organization.objects.order_by("name")
    return organizations if viewer.sees_all else organizations.filter(id__in=list(viewer.roles))


def organization_get(*, name: str) -> Organization:
    """One organization by name or slug, for the command line."""
    found = Organization.objects.filter(Q(name__iexact=name) | Q(slug=name)).first()
    if found is None:
        raise NotFound(
            _("There is no organization %(name)s. Make it with: manage organization add NAME.") % {"name": repr(name)}
        )
    return found


def member_list(*, organization: Organization) -> QuerySet[Membership]:
    """The people of an organization with their roles, by login name."""
    return Membership.objects.filter(organization=organization).select_related("user").order_by("user__username")


def api_key_list(*, organization: Organization) -> QuerySet[ApiKey]:
    """The keys of an organization that still work or once did, newest first."""
    return ApiKey.objects.filter(organization=organization).order_by("-created")


def api_key_find(*, secret: str) -> ApiKey | None:
    """The key that this secret opens; None when it is unknown, revoked or expired."""
    if not _SECRET.match(secret):
        return None
    key: ApiKey | None = ApiKey.objects.filter(prefix=secret.partition(".")[0], revoked=False).first()
    if key is None or not key.is_valid(secret) or bool(key.has_expired):
        return None
    moment = clock.now()
    used_before = Q(last_used_at=None) | Q(last_used_at__lt=moment - _USE_NOTED_EVERY)
    if key.last_used_at is None or key.last_used_at < moment - _USE_NOTED_EVERY:
        ApiKey.objects.filter(used_before, pk=key.pk).update(last_used_at=moment)
    return key
