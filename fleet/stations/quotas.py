"""A station's own quota, if the server's does not suit it. Only administrators set it, as it protects other stations.

The effect of the numbers is described in `fleet.ingest.limits.quota`.
"""

import math
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import Forbidden, InvalidInput
from fleet.organizations.access import Viewer
from fleet.stations.models import Station

MESSAGES_MOST, BYTES_MOST = 10_000.0, 1e12


@dataclass(frozen=True, slots=True)
class StationQuota:
    """Sustained messages per second and bytes per hour; 0 is no limit, None the server's default."""

    messages_per_s: float | None
    bytes_per_hour: float | None


def station_quota(station: Station) -> StationQuota:
    """The station's own quota."""
    return StationQuota(station.quota_messages_per_s, station.quota_bytes_per_hour)


def quota_require(actor: Viewer) -> None:
    """Raise `Forbidden` unless the actor may set quotas."""
    if not actor.sees_all:
        raise Forbidden(
            _("Only the administrators of this server can set quotas: ask them, and describe what the station sends.")
        )


@transaction.atomic
def station_quota_set(*, actor: Viewer, station: Station, quota: StationQuota) -> Station:
    """Give a station its own quota, or the server's default again. Raises `Forbidden` and `InvalidInput`."""
    quota_require(actor)
    _check(quota.messages_per_s, MESSAGES_MOST, "quota_messages_per_s")
    _check(quota.bytes_per_hour, BYTES_MOST, "quota_bytes_per_hour")
    rows = Station.objects.filter(pk=station.pk)
    rows.update(quota_messages_per_s=quota.messages_per_s, quota_bytes_per_hour=quota.bytes_per_hour)
    station.refresh_from_db(fields=["quota_messages_per_s", "quota_bytes_per_hour"])
    audit(actor, station, "station.quota", messages_per_s=quota.messages_per_s, bytes_per_hour=quota.bytes_per_hour)
    return station


def _check(value: float | None, most: float, field: str) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= most):
        raise InvalidInput(
            _("A quota must be a number from 0 (no limit) to %(most)d.") % {"most": int(most)}, field=field
        )
