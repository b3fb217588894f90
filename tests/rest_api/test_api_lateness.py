"""Late data and data from a wrong clock are marked in every answer: readings, detections, events."""

from datetime import timedelta

import pytest
from api_asking import NOON

from fleet.telemetry.models import Detection, Reading, StationEvent

pytestmark = pytest.mark.django_db

SOON, LATE = NOON + timedelta(minutes=59), NOON + timedelta(hours=2)
AROUND = {"from": NOON.isoformat(), "to": (NOON + timedelta(minutes=1)).isoformat()}


@pytest.mark.parametrize(
    ("received_at", "flags", "is_late", "suspicions"),
    [
        (SOON, 0, False, []),
        (LATE, 0, True, []),
        (LATE, 4, True, ["unsynchronised"]),
        (LATE, 1, False, ["epoch"]),
    ],
)
def test_marks(reader, station, series, received_at, flags, is_late, suspicions):
    Reading.objects.filter(series=series, occurred_at=NOON).update(received_at=received_at, flags=flags)
    told = {"station": station, "occurred_at": NOON, "line": 0, "received_at": received_at, "flags": flags}
    Detection.objects.create(port=1, kind=1, **told)
    StationEvent.objects.create(name="clock_step", data={"by": 3}, **told)
    at = f"stations/{station.serial}"
    (point,) = reader.get(f"{at}/series/{series.name}/readings", **AROUND).json()["results"]
    (detection,) = reader.get(f"{at}/detections", **AROUND).json()["results"]
    (event,) = reader.get(f"{at}/events").json()["results"]
    for row in (point, detection, event):
        assert (row["is_late"], row["suspicions"]) == (is_late, suspicions)
    assert (event["name"], event["data"]) == ("clock_step", {"by": 3})


def test_a_bucket_is_neither_late_nor_soon(reader, station, series):
    Reading.objects.filter(series=series).update(received_at=NOON + timedelta(days=9))
    address = f"stations/{station.serial}/series/{series.name}/readings"
    (point,) = reader.get(address, every="1m", **AROUND).json()["results"]
    assert (point["is_late"], point["received_at"]) == (False, None)


def test_events_go_on_before_the_last(reader, station):
    for minutes in range(5):
        at = NOON + timedelta(minutes=minutes)
        StationEvent.objects.create(station=station, name="e", line=0, occurred_at=at, received_at=at)
    seen, address = [], f"/api/v1/stations/{station.serial}/events?limit=2"
    while address:
        answer = reader.client.get(address).json()
        seen += [event["occurred_at"] for event in answer["results"]]
        address = answer["next"]
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
