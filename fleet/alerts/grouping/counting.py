"""Sites, networks and organizations that stations share, and the numbers of stations in contact there."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.rules.silence import NAME as SILENCE

Cause = SharedFailure.Cause
#: The network of a station in SQL, if the newest hello of its contact `c` names one among its hardware.
_NETWORK: Final = "nullif(left(btrim(coalesce(nullif(c.hello #>> '{hardware,provider}', ''), c.hello #>> '{hardware,modem}')), 120), '')"
_PLACES: Final = f"""
SELECT s.id, s.organization_id, o.name, t.id, t.name, {_NETWORK}
FROM stations_station s
JOIN organizations_organization o ON o.id = s.organization_id
JOIN stations_stationcontact c ON c.station_id = s.id
LEFT JOIN deployments_deployment d ON d.station_id = s.id AND d.period @> %(moment)s
LEFT JOIN deployments_site t ON t.id = d.site_id AND t.organization_id = s.organization_id
WHERE s.id = ANY(%(stations)s)
"""  # noqa: S608 - a constant
_COUNTS: Final = f"""
SELECT x.organization_id, x.site, x.network, grouping(x.site), grouping(x.network), count(*) FROM (
    SELECT s.organization_id, t.id AS site, {_NETWORK} AS network
    FROM unnest(%(organizations)s::bigint[], %(starts)s::timestamptz[]) AS w (organization_id, start_at)
    JOIN stations_station s ON s.organization_id = w.organization_id
    JOIN stations_stationcontact c ON c.station_id = s.id
    LEFT JOIN deployments_deployment d ON d.station_id = s.id AND d.period @> %(moment)s
    LEFT JOIN deployments_site t ON t.id = d.site_id AND t.organization_id = s.organization_id
    WHERE s.deleted_at IS NULL AND s.retired_at IS NULL AND NOT s.is_in_maintenance AND s.window_until IS NULL
    AND (s.asleep_until IS NULL OR s.asleep_until < %(moment)s)
    AND (c.state IN ('on_time', 'late') OR (c.state = 'silent' AND c.silent_after >= w.start_at))
    AND NOT EXISTS (
        SELECT FROM alerts_incident i WHERE i.station_id = s.id AND i.rule = %(rule)s AND i.closed_at IS NULL
        AND (i.held_by_id IS NOT NULL OR i.shared_id IS NOT NULL)
    )
) x GROUP BY GROUPING SETS ((x.organization_id), (x.organization_id, x.site), (x.organization_id, x.network))
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Shared:
    """Something that stations of an organization share: which kind of cause, and which one."""

    organization_id: int
    cause: SharedFailure.Cause
    subject: str


@dataclass(frozen=True, slots=True)
class SharedByStation:
    """The things that each station shares with others, the narrowest first, and their names for people."""

    shared: Mapping[int, tuple[Shared, ...]]
    names: Mapping[Shared, str]


def places_of(*, station_ids: Collection[int], moment: datetime) -> SharedByStation:
    """Site, network and organization of stations; one query."""
    shared: dict[int, tuple[Shared, ...]] = {}
    names: dict[Shared, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, {"stations": list(station_ids), "moment": moment})
        for station, organization, organization_name, site, site_name, network in cursor.fetchall():
            found = {Shared(organization, Cause.ORGANIZATION, ""): organization_name}
            if network is not None:
                found = {Shared(organization, Cause.NETWORK, network): network, **found}
            if site is not None:
                found = {Shared(organization, Cause.SITE, str(site)): site_name, **found}
            names.update(found)
            shared[station] = tuple(found)
    return SharedByStation(shared, names)


def stations_count(*, starts: Mapping[int, datetime], moment: datetime) -> dict[Shared, int]:
    """How many stations of each site, network and organization were in contact at `starts`, by organization.

    One query. Stations that are retired, asleep, in maintenance, behind a silent parent or in a shared failure do not
    count.
    """
    values: dict[str, Any] = {
        "organizations": list(starts),
        "starts": list(starts.values()),
        "moment": moment,
        "rule": SILENCE,
    }
    found: dict[Shared, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        for organization, site, network, is_any_site, is_any_network, number in cursor.fetchall():
            if is_any_site and is_any_network:
                found[Shared(organization, Cause.ORGANIZATION, "")] = number
            elif not is_any_site and site is not None:
                found[Shared(organization, Cause.SITE, str(site))] = number
            elif not is_any_network and network is not None:
                found[Shared(organization, Cause.NETWORK, network)] = number
    return found
