"""Stations whose disk fills."""

from datetime import datetime, timedelta

from people import station_of

from fleet.organizations.models import Organization
from fleet.stations.models import Station, StationContact
from fleet.telemetry.condition.disks import SERIES
from fleet.telemetry.models import ReadingHour, Series


def filling(institute: Organization, moment: datetime, *, percent: float = 80.0) -> Station:
    """A station whose disk filled by two percent a day."""
    station = station_of(institute, state="on_time")
    StationContact.objects.filter(station=station).update(health={"disk_percent": percent})
    station.contact.health = {"disk_percent": percent}
    series = Series.objects.create(station=station, name=SERIES, unit="%", created_at=moment)
    noon = moment.replace(hour=12, minute=0, second=0, microsecond=0)
    ReadingHour.objects.bulk_create(
        ReadingHour(
            series=series, start=noon - timedelta(days=ago), count=2, sum=2 * (percent - 2.0 * ago),
            minimum=0.0, maximum=100.0, flags=0, suspicious=0,
        )
        for ago in range(1, 10)
    )  # fmt: skip
    return station
