"""Writing a large fleet with years of history straight to the database, for `bench pages`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.alerts.models import Destination
from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.organizations.models import Membership, Organization
from fleet.stations.models import Station, StationContact
from fleet.telemetry.models import Series, StreamLedger

#: Series per station; readings are ten minutes apart up to now.
SERIES = 2
STEP = timedelta(minutes=10)
#: Sites per organization, and how long a station was at one.
SITES = 10
STAY = timedelta(days=30)
#: One station in this many has public places.
PUBLIC = 10
_BATCH = 2_000


@dataclass(frozen=True)
class Size:
    """The number of each kind of object."""

    stations: int
    organizations: int
    deployments: int
    readings: int


def fleet_fill(size: Size, *, word: str = "bench") -> list[str]:
    """Fill the database and return the serials. One in four stations is late, one in ten silent, as in a winter."""
    moment = clock.now()
    organizations = Organization.objects.bulk_create(
        Organization(name=f"{word} group {n}", slug=f"{word}-group-{n}", created_at=moment)
        for n in range(size.organizations)
    )
    owner = User.objects.create_user(f"{word}-owner")
    member = Membership.objects.create(
        user=owner, organization=organizations[0], role=Membership.Role.OWNER, created_at=moment
    )
    Destination.objects.filter(membership=member).update(is_on=False)
    stations = Station.objects.bulk_create(
        (
            Station(
                organization=organizations[n % len(organizations)],
                serial=f"SG-{word.upper()}{n:05d}",
                name=f"Station {n} on the hill",
                generation=1,
                registered_at=moment - timedelta(days=900),
            )
            for n in range(size.stations)
        ),
        batch_size=_BATCH,
    )
    StationContact.objects.bulk_create((_contact(station, moment) for station in stations), batch_size=_BATCH)
    _deployments_fill(stations, organizations, size.deployments, moment)
    _telemetry_fill(stations, size.readings, moment)
    return [station.serial for station in stations]


def _contact(station: Station, moment: datetime) -> StationContact:
    hours = 24.0 if station.pk % 10 == 0 else 2.0 if station.pk % 4 == 0 else 0.1
    last = moment - timedelta(hours=hours)
    state = StationContact.State
    return StationContact(
        station=station,
        state=state.SILENT if hours > 3 else state.LATE if hours > 1 else state.ON_TIME,
        first_contact_at=moment - timedelta(days=900),
        last_contact_at=last,
        announced_interval_s=3_600.0,
        late_after=last + timedelta(hours=1.5),
        silent_after=last + timedelta(hours=3),
        health={"battery_v": 12.4, "disk_percent": 41},
        health_received_at=last,
    )


def _deployments_fill(
    stations: list[Station], organizations: list[Organization], wanted: int, moment: datetime
) -> None:
    sites = Site.objects.bulk_create(
        (
            Site(organization=each, name=f"Wood {n}", latitude=44 + n / 10, longitude=-64 - n / 10)
            for each in organizations
            for n in range(SITES)
        ),
        batch_size=_BATCH,
    )
    of_organization = {each.pk: sites[n * SITES : (n + 1) * SITES] for n, each in enumerate(organizations)}
    each_has = wanted // len(stations)
    Deployment.objects.bulk_create(
        (
            Deployment(
                station=station,
                site=of_organization[station.organization_id][stay % SITES],
                period=Range(moment - STAY * (stay + 1), moment - STAY * stay if stay else None),
                is_public=station.pk % PUBLIC == 0,
            )
            for station in stations
            for stay in range(each_has)
        ),
        batch_size=_BATCH,
    )


def _telemetry_fill(stations: list[Station], readings: int, moment: datetime) -> None:
    series = Series.objects.bulk_create(
        (
            Series(
                station=station,
                name=f"quantity/{n}",
                unit="V",
                created_at=moment,
                last_at=moment,
                last_value=1.0,
                last_received_at=moment,
            )
            for station in stations
            for n in range(SERIES)
        ),
        batch_size=_BATCH,
    )
    StreamLedger.objects.bulk_create(
        (
            StreamLedger(
                station=station,
                stream=f"{station.pk:032x}",
                received=Multirange([Range(1, 90_000, "[)"), Range(90_010, 100_000, "[)")]),
                oldest_seq=100_000,
                next_seq=100_000,
                first_at=moment - timedelta(days=900),
                last_at=moment,
            )
            for station in stations
        ),
        batch_size=_BATCH,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "
            "SELECT s, t, t, random(), 0 FROM unnest(%s::bigint[]) s, "
            "LATERAL (SELECT %s::timestamptz - n * %s::interval AS t FROM generate_series(0, %s) n) AS times",
            [[each.pk for each in series], moment, STEP, readings // len(series) - 1],  # type: ignore[list-item]
        )
        cursor.execute(
            "INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count) "
            "SELECT s, date_trunc('hour', %s::timestamptz) - n * interval '1 hour', 1, 2, 7 "
            "FROM unnest(%s::bigint[]) s, generate_series(0, 47) n",
            [moment, [each.pk for each in stations]],
        )
        cursor.execute(
            "INSERT INTO telemetry_taghour (station_id, hour, port, tag, count, first_at, last_at, strongest) "
            "SELECT s, h, 1, 'bird' || (s + n / 24) %% 400, 7, h + interval '1 minute', h + interval '9 minutes', -70 "
            "FROM unnest(%s::bigint[]) s, generate_series(0, 47) n, "
            "LATERAL (SELECT date_trunc('hour', %s::timestamptz) - n * interval '1 hour' AS h) AS hours "
            "WHERE (s + n) %% 6 = 0",
            [[each.pk for each in stations], moment],
        )
