"""The people in these tests, and a station with rows of every kind around two deployments."""

from datetime import UTC, datetime, timedelta

import pytest
from people import elsewhere, english, institute, no_counters, operator, owner, station_of, stranger, viewer

from fleet.deployments.models import Antenna, Deployment, Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Position, Reading, Series, StationEvent, Suspicion

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]

MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows_make(station: Station) -> Series:
    """Store 48 temperatures (two doubted), a pulse and a tag, a fix and a failed one, and an event."""
    series = Series.objects.create(station=station, name="temp", unit="Cel", created_at=MAY)
    other = Series.objects.create(station=station, name="=cmd()", unit="V", created_at=MAY)
    Reading.objects.bulk_create(
        [
            *(
                Reading(
                    series=series,
                    occurred_at=MAY + 30 * HOUR * number,
                    received_at=MAY + 30 * HOUR * number + timedelta(microseconds=1_500),
                    value=number / 4,
                    flags=Suspicion.FUTURE | Suspicion.OUTSIDE if number in {3, 4} else 0,
                )
                for number in range(48)
            ),
            Reading(series=other, occurred_at=MAY, received_at=MAY, value=1e-300, sent_value=1.0, sent_unit="mV"),
        ]
    )
    common = {"station": station, "received_at": MAY + HOUR}
    Detection.objects.bulk_create(
        [
            Detection(**common, occurred_at=MAY, port=1, kind=1, line=7, freq=4.5, sig=-40.5, noise=-60, snr=19.5),
            Detection(
                **common,
                occurred_at=MAY,
                port=2,
                kind=2,
                line=8,
                tag='-12"3,4',
                rssi=-90,
                is_used=False,
                node="3B8B1F",
                is_validated=False,
                also={"Payload": "0a"},
            ),
        ]
    )
    Position.objects.bulk_create(
        [
            Position(**common, occurred_at=MAY, line=1, latitude=42.5, longitude=-80.25, altitude_m=180),
            Position(**common, occurred_at=MAY + HOUR, line=2, flags=Suspicion.EPOCH),
        ]
    )
    StationEvent.objects.create(
        **common, occurred_at=MAY, name="clock_step", line=1, data={"by": 1.5, "why": 'a "b"\n'}
    )
    return series


@pytest.fixture
def station(institute: Organization) -> Station:
    """At two sites of two time zones, with a gap of a week between them, and rows all the time."""
    made = station_of(institute)
    for name, zone, start, end in (
        ("Old Cut", "America/Toronto", MAY, JUNE - timedelta(days=7)),
        ("Zürich", "Europe/Zurich", JUNE, None),
    ):
        site = Site.objects.create(organization=institute, name=name, timezone=zone, latitude=42.58, longitude=-80.4)
        placed = Deployment.objects.create(station=made, site=site, period=(start, end))
        Antenna.objects.create(deployment=placed, port=1, type="Yagi", bearing_deg=90)
    rows_make(made)
    return made
