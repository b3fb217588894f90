"""Moving data in time over the API: listing wrong times, a dry run, a move, and undoing it."""

from datetime import UTC, datetime, timedelta

import pytest
from api_asking import problem_of

from fleet.core import clock
from fleet.telemetry.models import Reading, Series

pytestmark = pytest.mark.django_db
Y2000 = datetime(2000, 1, 1, 0, 5, tzinfo=UTC)


def test_it_is_listed_tried_moved_and_undone(reader, writer, foreigner, station):
    came = clock.now() - timedelta(hours=1)
    series = Series.objects.create(station=station, name="temp", unit="Cel", created_at=came)
    Reading.objects.create(series=series, occurred_at=Y2000, received_at=came, value=1, flags=1)
    place = f"stations/{station.serial}/time-shifts"
    (wrong,) = reader.get(place).json()["wrong"]
    assert (wrong["side"], wrong["readings"], wrong["detections"]) == ("behind", 1, 0)
    assert wrong["offset_s"] == pytest.approx((came - Y2000).total_seconds())
    tried = writer.post(place, {"side": "behind", "dry_run": True})
    assert (tried.status_code, tried.json()["left"]) == (200, 0)
    assert Reading.objects.get().occurred_at == Y2000
    problem_of(reader.post(place, {"side": "behind"}), 403)
    problem_of(foreigner.post(place, {"side": "behind"}), 404)
    problem_of(writer.post(place, {"side": "behind", "offset_s": 1e300}), 400, "offset_s")
    problem_of(writer.post(place, {"side": "ahead"}), 400, "side")
    made = writer.post(place, {"side": "behind", "offset_s": (came - Y2000).total_seconds() - 60})
    assert (made.status_code, made.json()["readings"]) == (201, 1)
    assert Reading.objects.get().occurred_at == came - timedelta(minutes=1)
    (point,) = reader.get(
        f"stations/{station.serial}/series/temp/readings", **{"from": (came - timedelta(hours=1)).isoformat()}
    ).json()["results"]
    assert "shifted" in point["suspicions"]
    undo = f"{place}/{made.json()['id']}/undo"
    assert writer.post(undo, {}).status_code == 200
    assert Reading.objects.get().occurred_at == Y2000
    problem_of(writer.post(undo, {}), 409)
    problem_of(writer.post(f"{place}/999999/undo", {}), 404)
    assert len(reader.get(place).json()["results"]) == 1
