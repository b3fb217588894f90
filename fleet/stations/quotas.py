"""A station's own quota, where the server's is not right for it. Set by who looks after the server: it protects the others.

What the numbers do is told in `fleet.ingest.limits.quota`.
"""

import math
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.organizations.errors import NotAllowed
from fleet.stations.models import Station

MESSAGES_MOST, BYTES_MOST = 10_000.0, 1e12


@dataclass(frozen=True, slots=True)
class StationQuota:
    """Messages a second and bytes an hour, both for long; 0 is no limit, None is the server's."""

    messages_per_s: float | None
    bytes_per_hour: float | None


def station_quota(station: Station) -> StationQuota:
    """What is set of its own."""
    return StationQuota(station.quota_messages_per_s, station.quota_bytes_per_hour)


@transaction.atomic
def station_quota_set(*, actor: Viewer, station: Station, quota: StationQuota) -> Station:
    """Give a station a quota of its own, or the server's back. Raises `NotAllowed` and `InvalidInput`."""
    if not actor.sees_all:
        raise NotAllowed(_("Quotas are set by who looks after the server: ask there, and say what the station sends."))
    _check(quota.messages_per_s, MESSAGES_MOST, "quota_messages_per_s")
    _check(quota.bytes_per_hour, BYTES_MOST, "quota_bytes_per_hour")
    rows = Station.objects.filter(pk=station.pk)
    rows.update(quota_messages_per_s=quota.messages_per_s, quota_bytes_per_hour=quota.bytes_per_hour)
    station.refresh_from_db(fields=["quota_messages_per_s", "quota_bytes_per_hour"])
    audit_write(
        actor=actor.user,
        organization_id=station.organization_id,
        action="station.quota",
        subject=station.serial,
        detail={"messages_per_s": quota.messages_per_s, "bytes_per_hour": quota.bytes_per_hour, "by": actor.name},
    )
    return station


def _check(value: float | None, most: float, field: str) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= most):
        raise InvalidInput(
            _("A quota is a number from 0, which is no limit, to %(most)d.") % {"most": int(most)}, field=field
        )
