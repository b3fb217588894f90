"""API keys of machines and persons: finding, listing and revoking them. `fleet.stations.keys` makes them."""

import re
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import NotFound
from fleet.core.requests.origin import origin_now
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_missing
from fleet.organizations.models import ApiKey, Membership, Organization

_SECRET = re.compile(r"[A-Za-z0-9]{1,16}\.[A-Za-z0-9]{1,80}\Z")
#: The states of a key.
STATES = ("works", "expired", "revoked")
#: A key's last use is recorded at most this often.
_USE_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def api_key_revoke(*, api_key: ApiKey, actor: Viewer | None = None) -> None:
    """Revoke a key: owners any of their organization's, a person their own. Revoking it twice is no error."""
    user = actor.user if actor else None
    is_own = user is not None and api_key.person_id == user.pk
    if actor is not None and not is_own:
        actor.require(Role.OWNER, organization=api_key.organization_id, to=_("revoke this key"))
    by = actor.name if actor else origin_now().name
    working = ApiKey.objects.filter(pk=api_key.pk, revoked=False)
    if working.update(revoked=True, revoked_at=clock.now(), revoked_by_name=by[:150]):
        audit_write(
            actor=user,
            organization_id=api_key.organization_id,
            action="key.revoke",
            subject=api_key.name,
            detail={"prefix": api_key.prefix},
        )


def api_key_list(
    *,
    organization: Organization,
    viewer: Viewer | None = None,
    state: str = "",
    is_read_only: bool | None = None,
    person: str = "",
    search: str = "",
) -> QuerySet[ApiKey]:
    """Keys, newest first: owners see all, other members their own. `viewer` None: all.

    `state` is one of `STATES`, `person` a username, `search` a part of the name. Empty criteria do not limit the list.
    """
    keys = ApiKey.objects.filter(organization=organization).select_related("organization", "person", "created_by")
    keys = keys.prefetch_related("stations").order_by("-created", "-id")
    if state:
        keys = _in_state(keys, state)
    if is_read_only is not None:
        keys = keys.filter(is_read_only=is_read_only)
    if person:
        keys = keys.filter(person__username=person)
    if search:
        keys = keys.filter(name__icontains=search)
    if viewer is None or viewer.may(Role.OWNER, organization.id):
        return keys
    if not viewer.may(Role.VIEWER, organization.id):
        raise organization_missing()
    return keys.filter(person=viewer.user) if viewer.user else keys.none()


def api_key_get(*, organization: Organization, prefix: str, viewer: Viewer) -> ApiKey:
    """One key by its prefix. Viewers who are not owners get the same refusal for unknown keys and other people's."""
    prefix = prefix.replace("\x00", "")
    key = api_key_list(organization=organization, viewer=viewer).filter(prefix=prefix).first()
    if key is None:
        viewer.require(Role.OWNER, organization=organization, to=_("see other people's keys of %(name)s"))
        raise NotFound(_("There is no key %(prefix)s that you may see.") % {"prefix": repr(prefix[:16])})
    return key


def _in_state(keys: QuerySet[ApiKey], state: str) -> QuerySet[ApiKey]:
    """Keys in one of `STATES`; the same rule as `key_state`, as a condition."""
    if state == "revoked":
        return keys.filter(revoked=True)
    expired = Q(expiry_date__lte=clock.now())
    return keys.filter(expired if state == "expired" else ~expired | Q(expiry_date=None), revoked=False)


def key_state(key: ApiKey, moment: datetime) -> str:
    """`works`, `revoked` or `expired`."""
    if key.revoked:
        return "revoked"
    return "expired" if key.expiry_date is not None and key.expiry_date <= moment else "works"


def api_key_find(*, secret: str) -> ApiKey | None:
    """The key with this secret, in one query; None if it does not work, for whatever reason.

    It does not work if it is unknown, revoked or expired, its organization is deleted, or its person is no longer a
    member.
    """
    if not _SECRET.match(secret):
        return None
    moment = clock.now()
    members = Membership.objects.filter(organization=OuterRef("organization"), user=OuterRef("person"))
    working = (
        ApiKey.objects.filter(prefix=secret.partition(".")[0], revoked=False, organization__deleted_at=None)
        .filter(Q(expiry_date=None) | Q(expiry_date__gt=moment))
        .annotate(person_role=Subquery(members.values("role")[:1]), person_name=F("person__username"))
        .filter(Q(person=None) | Q(person__is_active=True, person_role__isnull=False))
    )
    key: ApiKey | None = working.first()
    if key is None or not key.is_valid(secret):
        return None
    _use_note(key, moment)
    return key


def _use_note(key: ApiKey, moment: datetime) -> None:
    due = moment - _USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < due:
        unused = Q(last_used_at=None) | Q(last_used_at__lt=due)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_at=moment, last_used_from=origin_now().address)
