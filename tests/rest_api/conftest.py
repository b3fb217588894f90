"""The people in these tests, their clients, and stations with data."""

from datetime import timedelta

import pytest
from api_asking import NOON, Asker
from people import elsewhere, english, institute, key_of, no_counters, operator, owner, station_of, stranger, viewer

from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Reading, Series

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


@pytest.fixture
def reader(institute) -> Asker:
    return Asker(key_of(institute))


@pytest.fixture
def writer(institute) -> Asker:
    return Asker(key_of(institute, write=True))


@pytest.fixture
def foreigner(elsewhere) -> Asker:
    return Asker(key_of(elsewhere, write=True))


@pytest.fixture
def station(institute) -> Station:
    return station_of(institute, state="on_time", name="Old Cut")


@pytest.fixture
def series(station) -> Series:
    """240 readings, one a minute from noon, with values 0, 1, 2 …"""
    made = Series.objects.create(station=station, name="weather/inside:temp", unit="Cel", created_at=NOON)
    Reading.objects.bulk_create(
        Reading(series=made, occurred_at=NOON + timedelta(minutes=n), received_at=NOON, value=n) for n in range(240)
    )
    return made


@pytest.fixture
def detections(station) -> list[Detection]:
    """Three pulses a minute on port 1, one tag a minute on port 2, for ten minutes from noon."""
    rows = []
    for n in range(10):
        moment = NOON + timedelta(minutes=n)
        rows += [
            Detection(
                station=station,
                occurred_at=moment,
                port=1,
                kind=1,
                line=3 * n + k,
                received_at=NOON,
                freq=4.0,
                sig=-40.0,
            )
            for k in range(3)
        ]
        rows.append(
            Detection(
                station=station,
                occurred_at=moment,
                port=2,
                kind=2,
                line=n,
                received_at=NOON,
                tag=f"7866{n}",
                rssi=-75.0,
            )
        )
    return Detection.objects.bulk_create(rows)
