"""Fetch policies: which files Roost fetches from a station, when, and how many bytes a day.

A station has its own policy, or else its organization's; without either, nothing is fetched.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput
from fleet.holdings.models import FetchPolicy
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station

Mode = FetchPolicy.Mode
MODES: dict[str, Promise] = {
    Mode.NONE: gettext_lazy("nothing"),
    Mode.ON_DEMAND: gettext_lazy("files that people choose"),
    Mode.DETECTIONS: gettext_lazy("files with detections"),
    Mode.ALL: gettext_lazy("all files"),
}
NETWORKS: dict[str, Promise] = {
    "ethernet": gettext_lazy("cable"),
    "wifi": gettext_lazy("Wi-Fi"),
    "mobile": gettext_lazy("mobile network"),
}
OCTETS_MOST, DAYS_MOST = 10**12, 36_500


@dataclass(frozen=True, slots=True)
class FetchRule:
    """A policy's values; see `FetchPolicy`. `whose`: `station`, `organization`, or empty if neither has a policy."""

    mode: str = Mode.NONE
    octets_per_day: int | None = None
    hour_from: int | None = None
    hour_to: int | None = None
    days_most: int | None = None
    is_newest_first: bool = True
    networks: tuple[str, ...] = ()
    whose: str = ""


def rule_of_station(station: Station) -> FetchRule:
    """The policy of a station."""
    rows = FetchPolicy.objects.filter(station=station) | FetchPolicy.objects.filter(
        organization_id=station.organization_id
    )
    found = {row.station_id is None: row for row in rows}
    if False in found:
        return rule_read(found[False], whose="station")
    return rule_read(found[True], whose="organization") if True in found else FetchRule()


def rule_of_organization(organization: Organization) -> FetchRule:
    """The policy for stations of an organization that have none of their own."""
    row = FetchPolicy.objects.filter(organization=organization).first()
    return rule_read(row, whose="organization") if row else FetchRule()


def rule_read(row: FetchPolicy, *, whose: str) -> FetchRule:
    """The values of a stored policy."""
    return FetchRule(
        mode=row.mode,
        octets_per_day=row.octets_per_day,
        hour_from=row.hour_from,
        hour_to=row.hour_to,
        days_most=row.days_most,
        is_newest_first=row.is_newest_first,
        networks=tuple(row.networks),
        whose=whose,
    )


def policy_require(*, actor: Viewer, owner: Station | Organization) -> None:
    """Raise `Forbidden` unless the actor may set this policy: operators a station's, owners an organization's."""
    if isinstance(owner, Station):
        actor.require(Role.OPERATOR, station=owner, to=_("set what is fetched from %(serial)s"))
    else:
        actor.require(Role.OWNER, organization=owner, to=_("set what is fetched from the stations"))


@transaction.atomic
def policy_set(*, actor: Viewer, owner: Station | Organization, rule: FetchRule | None) -> FetchRule:
    """Set the policy of a station or an organization, or remove it with None. Raises `Forbidden` and `InvalidInput`."""
    policy_require(actor=actor, owner=owner)
    whose = "station" if isinstance(owner, Station) else "organization"
    of_owner: dict[str, Any] = {whose: owner}
    if rule is None:
        if FetchPolicy.objects.filter(**of_owner).delete()[0]:
            audit(actor, owner, f"{whose}.fetch_policy", mode=None)
        return rule_of_station(owner) if isinstance(owner, Station) else FetchRule()
    _check(rule)
    values: dict[str, Any] = {**asdict(rule), "networks": sorted(set(rule.networks))}
    values.pop("whose")
    before = FetchPolicy.objects.filter(**of_owner).first()
    if before is None or asdict(rule_read(before, whose="")) != {
        **values,
        "whose": "",
        "networks": tuple(values["networks"]),
    }:
        said = {"changed_at": clock.now(), "changed_by_name": actor.name[:150]}
        FetchPolicy.objects.update_or_create(**of_owner, defaults={**values, **said})
        audit(actor, owner, f"{whose}.fetch_policy", **values)
    return FetchRule(**{**values, "networks": tuple(values["networks"])}, whose=whose)


def window_end(rule: FetchRule, *, zone: str, moment: datetime) -> datetime | None:
    """When the current hours of fetching end, at most a day from now; None outside of these hours."""
    end = moment + timedelta(days=1)
    if rule.hour_from is None or rule.hour_to is None or rule.hour_from == rule.hour_to % 24:
        return end
    local = moment.astimezone(ZoneInfo(zone))
    begun, ends = local.hour >= rule.hour_from, local.hour < rule.hour_to
    is_open = (begun and ends) if rule.hour_from < rule.hour_to else (begun or ends)
    if not is_open:
        return None
    close = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=rule.hour_to)
    if close <= local:
        close += timedelta(days=1)
    return min(end, close.astimezone(moment.tzinfo))


def _check(rule: FetchRule) -> None:
    if rule.mode not in MODES:
        raise InvalidInput(_("Choose what is fetched."), field="mode")
    if rule.octets_per_day is not None and not 1 <= rule.octets_per_day <= OCTETS_MOST:
        raise InvalidInput(_("A day's bytes must be from 1 to 1,000,000,000,000."), field="octets_per_day")
    if rule.days_most is not None and not 1 <= rule.days_most <= DAYS_MOST:
        raise InvalidInput(_("The age must be from 1 to 36,500 days."), field="days_most")
    if (rule.hour_from is None) != (rule.hour_to is None):
        raise InvalidInput(_("Give both hours, or none."), field="hour_to")
    if rule.hour_from is not None and rule.hour_to is not None:
        _range_check(rule.hour_from, 23, "hour_from")
        _range_check(rule.hour_to, 24, "hour_to")
    _networks_check(rule.networks)


def _range_check(hour: int, most: int, field: str) -> None:
    if not 0 <= hour <= most:
        raise InvalidInput(_("An hour must be from 0 to %(most)d.") % {"most": most}, field=field)


def _networks_check(networks: Collection[str]) -> None:
    unknown = sorted(set(networks) - set(NETWORKS))
    if unknown:
        raise InvalidInput(_("There is no kind of network %(name)s.") % {"name": unknown[0]}, field="networks")
