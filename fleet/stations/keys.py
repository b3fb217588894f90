"""Making API keys for machines and people, for an organization or some of its stations; shown once, stored hashed."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Forbidden, InvalidInput, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock, organization_missing
from fleet.organizations.models import ApiKey, Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station

_NAME_MOST = 50
#: Maximum keys that are not revoked per organization, and maximum stations per key.
KEYS_MOST, STATIONS_MOST = 200, 500


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
    reaches only these stations. Raises `Forbidden`, `TooMany` and `InvalidInput`. `actor` None: the command line.
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


def _create_check(organization: Organization, actor: Viewer | None, *, is_personal: bool, is_read_only: bool) -> None:
    if actor is None:
        return
    if not actor.may(Role.VIEWER, organization.id):
        raise organization_missing()
    if not is_personal:
        actor.require(Role.OWNER, organization=organization, to=_("make keys for %(name)s"))
        return
    if actor.user is None or organization.id not in actor.roles:
        raise Forbidden(_("A personal key must be made by that person, in an organization they belong to."))
    if not is_read_only and not actor.may(Role.OPERATOR, organization.id):
        raise Forbidden(
            _("You are a viewer in %(name)s, so your keys must be read-only.") % {"name": organization.name}
        )


def _stations(organization: Organization, serials: Collection[str]) -> list[int]:
    wanted = {serial.upper(): serial for serial in serials}
    if not 1 <= len(wanted) <= STATIONS_MOST:
        raise InvalidInput(_("Choose 1 to %(most)d stations.") % {"most": STATIONS_MOST}, field="stations")
    rows = Station.objects.filter(organization=organization)
    named = rows.annotate(capitals=Upper("serial")).filter(capitals__in=list(wanted))
    found = dict(named.values_list("capitals", "pk"))
    if missing := sorted(serial for name, serial in wanted.items() if name not in found):
        raise InvalidInput(
            _("%(name)s has no station %(serial)s.") % {"name": organization.name, "serial": missing[0][:64]},
            field="stations",
        )
    return list(found.values())
