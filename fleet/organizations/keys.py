"""API keys of machines and persons, for an organization or for some of its stations; shown once, stored hashed."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from django.apps import apps
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput, NotFound
from fleet.core.origin import origin_now
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed, TooMany
from fleet.organizations.members import organization_lock, organization_missing
from fleet.organizations.models import ApiKey, Membership, Organization
from fleet.organizations.services import text_check

_SECRET = re.compile(r"[A-Za-z0-9]{1,16}\.[A-Za-z0-9]{1,80}\Z")
_NAME_MOST = 50
#: The states of a key.
STATES = ("works", "expired", "revoked")
#: Maximum keys that are not revoked per organization, and maximum stations per key.
KEYS_MOST, STATIONS_MOST = 200, 500
#: A key's last use is recorded at most this often.
_USE_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def api_key_create(
    *,
    organization: Organization,
    name: str,
    is_read_only: bool,
    actor: Viewer | None = None,
    is_personal: bool = False,
    serials: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is shown only this once and stored hashed.

    `is_personal`: the key acts as the actor, with the role that person has at the time of use. `serials`: the key
    reaches only these stations. Raises `NotAllowed`, `TooMany` and `InvalidInput`. `actor` None: the command line.
    """
    user = actor.user if actor else None
    _create_check(organization, actor, is_personal=is_personal, is_read_only=is_read_only)
    name = text_check(name, field="name", most=_NAME_MOST)
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidInput(_("That moment has passed: choose one in the future."), field="expires_at")
    organization = organization_lock(organization)
    if ApiKey.objects.filter(organization=organization, revoked=False).count() >= KEYS_MOST:
        raise TooMany(_("There are already %(most)d keys: revoke one first.") % {"most": KEYS_MOST})
    stations = None if serials is None else _stations(organization, serials)
    key = ApiKey(
        name=name,
        organization=organization,
        is_read_only=is_read_only,
        created_by=user,
        person=user if is_personal else None,
        is_limited=stations is not None,
        expiry_date=expires_at,
    )
    secret = ApiKey.objects.assign_key(key)
    key.save(force_insert=True)
    key.stations.set(stations or [])
    told = {"prefix": key.prefix, "read_only": is_read_only, "personal": is_personal}
    told |= {} if serials is None else {"stations": sorted(set(serials))}
    audit_write(actor=user, organization_id=organization.id, action="key.create", subject=name, detail=told)
    return key, secret


@transaction.atomic
def api_key_revoke(*, api_key: ApiKey, actor: Viewer | None = None) -> None:
    """Revoke a key: owners any of their organization's, a person their own. Revoking it twice is no error."""
    user = actor.user if actor else None
    is_own = user is not None and api_key.person_id == user.pk
    if actor is not None and not is_own and not actor.may(Role.OWNER, api_key.organization_id):
        raise NotAllowed(_("Only an owner of the organization can revoke its keys."))
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


def api_key_list(*, organization: Organization, viewer: Viewer | None = None) -> QuerySet[ApiKey]:
    """Keys in any state, newest first: owners see all, other members their own. `viewer` None: all."""
    keys = ApiKey.objects.filter(organization=organization).select_related("organization", "person", "created_by")
    keys = keys.prefetch_related("stations").order_by("-created", "-id")
    if viewer is None or viewer.may(Role.OWNER, organization.id):
        return keys
    if not viewer.may(Role.VIEWER, organization.id):
        raise organization_missing()
    return keys.filter(person=viewer.user) if viewer.user else keys.none()


def api_key_get(*, organization: Organization, prefix: str, viewer: Viewer) -> ApiKey:
    """One key by its prefix. Viewers who are not owners get one refusal for unknown keys and other people's."""
    prefix = prefix.replace("\x00", "")
    key = api_key_list(organization=organization, viewer=viewer).filter(prefix=prefix).first()
    if key is None and not viewer.may(Role.OWNER, organization.id):
        raise NotAllowed(_("Only an owner of %(name)s can see other people's keys.") % {"name": organization.name})
    if key is None:
        raise NotFound(_("There is no key %(prefix)s that you may see.") % {"prefix": repr(prefix[:16])})
    return key


def keys_in_state(keys: QuerySet[ApiKey], state: str) -> QuerySet[ApiKey]:
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


def _create_check(organization: Organization, actor: Viewer | None, *, is_personal: bool, is_read_only: bool) -> None:
    if actor is None:
        return
    if not actor.may(Role.VIEWER, organization.id):
        raise organization_missing()
    if not is_personal:
        if not actor.may(Role.OWNER, organization.id):
            raise NotAllowed(_("Only an owner of %(name)s can make keys for it.") % {"name": organization.name})
        return
    if actor.user is None or organization.id not in actor.roles:
        raise NotAllowed(_("A personal key must be made by that person, in an organization they belong to."))
    if not is_read_only and not actor.may(Role.OPERATOR, organization.id):
        raise NotAllowed(
            _("You are a viewer in %(name)s, so your keys must be read-only.") % {"name": organization.name}
        )


def _stations(organization: Organization, serials: Collection[str]) -> list[int]:
    wanted = {serial.upper(): serial for serial in serials}
    if not 1 <= len(wanted) <= STATIONS_MOST:
        raise InvalidInput(_("Choose 1 to %(most)d stations.") % {"most": STATIONS_MOST}, field="stations")
    # The stations package is a layer above this one, so its table is looked up by name.
    rows = apps.get_model("stations", "Station").objects.filter(organization=organization)
    named = rows.annotate(capitals=Upper("serial")).filter(capitals__in=list(wanted))
    found = dict(named.values_list("capitals", "pk"))
    if missing := sorted(serial for name, serial in wanted.items() if name not in found):
        raise InvalidInput(
            _("%(name)s has no station %(serial)s.") % {"name": organization.name, "serial": missing[0][:64]},
            field="stations",
        )
    return list(found.values())
