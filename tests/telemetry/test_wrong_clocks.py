"""A clock that was ahead once, or was never set, does not disturb lists and newest values."""

from datetime import UTC, datetime, timedelta

import pytest
from telemetry.stored_readings import series_make

from fleet.core import clock
from fleet.telemetry.condition.coverage import detection_newest_hour
from fleet.telemetry.models import DetectionCount, Position, StationEvent, Suspicion
from fleet.telemetry.selectors import event_list, latest_position

pytestmark = pytest.mark.django_db

FUTURE, PAST = datetime(2038, 1, 19, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def station(institute):
    return series_make(institute).station


def test_events_from_the_future_stand_where_they_came_in_and_can_be_paged_through(station):
    now = clock.now()
    came = [(FUTURE, now - timedelta(days=3)), (now - timedelta(hours=1), now), (PAST, now)]
    came += [(FUTURE + timedelta(days=1), now - timedelta(days=1)), (now - timedelta(days=2), now - timedelta(days=2))]
    for at, received in came:
        StationEvent.objects.create(station=station, occurred_at=at, received_at=received, name="x", line=0)
    expected = [now - timedelta(hours=1), FUTURE + timedelta(days=1), now - timedelta(days=2), FUTURE, PAST]
    assert [event.occurred_at for event in event_list(station=station)] == expected
    first = list(event_list(station=station)[:2])
    second = event_list(station=station, end=first[-1].placed_at)
    assert [event.occurred_at for event in [*first, *second]] == expected


def test_the_newest_hour_of_detections_is_one_that_has_come(station):
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    for hour in (PAST, now - timedelta(days=1), FUTURE):
        DetectionCount.objects.create(station=station, hour=hour, port=1, kind=1, count=1)
    assert detection_newest_hour(station=station) == now - timedelta(days=1)


def test_the_newest_position_has_a_believable_time(station):
    now = clock.now()
    for at, flags in ((now, 0), (FUTURE, Suspicion.FUTURE), (PAST, Suspicion.EPOCH)):
        Position.objects.create(
            station=station, occurred_at=at, received_at=now, line=0, latitude=1, longitude=1, flags=flags
        )
    assert latest_position(station=station).occurred_at == now
