"""Detections of a CTT SensorStation say which node heard them, on the page, in the file and in the API."""

import csv
import io
from datetime import timedelta

import pytest
from people import key_of, station_of

from fleet.core import clock
from fleet.telemetry.models import Detection, DetectionCount, TagHour

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


@pytest.fixture
def heard(station):
    """One tag heard by a node, one by a Bluetooth receiver of the station, and one that the radio did not check."""
    now = clock.now()
    rows = [
        {"port": 1, "tag": "6161527F", "node": "3B8B1F", "is_validated": True},
        {"port": 201, "tag": "2D4B784C", "also": {"Payload": "0ab1", "Sync": "=1+1"}},
        {"port": 2, "tag": "78664C33", "is_validated": False},
    ]
    for line, row in enumerate(rows, 2):
        at = now - timedelta(minutes=line)
        Detection.objects.create(
            station=station, occurred_at=at, received_at=now, kind=Detection.Kind.TAG, line=line, rssi=-70, **row
        )
        hour = at.replace(minute=0, second=0, microsecond=0)
        DetectionCount.objects.create(station=station, hour=hour, port=row["port"], kind=2, count=1)
        TagHour.objects.create(
            station=station, hour=hour, port=row["port"], tag=row["tag"], count=1, first_at=at, last_at=at
        )
    return now


def test_the_page_names_the_node_and_what_was_not_checked(browse, viewer, station, heard):
    text = browse(viewer).get(f"/stations/{station.serial}/detections/?span=24h").content.decode()
    assert "heard by node <code>3B8B1F</code>" in " ".join(text.split())
    assert text.count("(checksum not checked)") == 1


def test_the_file_has_all_three_columns(browse, viewer, station, heard):
    answer = browse(viewer).get(f"/stations/{station.serial}/detections.csv?span=24h")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [(row["tag"], row["node"], row["is_validated"], row["also"]) for row in rows] == [
        ("78664C33", "", "0", ""),
        ("2D4B784C", "", "", '{"Sync": "=1+1", "Payload": "0ab1"}'),
        ("6161527F", "3B8B1F", "1", ""),
    ]


def test_the_api_has_them_too(client, institute, station, heard):
    answer = client.get(
        f"/api/v1/stations/{station.serial}/detections",
        {"from": (heard - timedelta(hours=1)).isoformat(), "to": heard.isoformat()},
        headers={"authorization": f"Bearer {key_of(institute)}"},
    )
    rows = answer.json()["results"]
    assert [(row["node"], row["is_validated"], row["also"]) for row in rows] == [
        (None, False, None),
        (None, None, {"Payload": "0ab1", "Sync": "=1+1"}),
        ("3B8B1F", True, None),
    ]
