"""The page for data with a wrong time: viewed, moved after a preview, moved back; and what other pages say meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from people import station_of

from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.stations.models import StationContact
from fleet.telemetry.heard.tag_hours import PAST
from fleet.telemetry.models import DirtyHour, Reading, Series, TimeShift

pytestmark = pytest.mark.django_db
Y2000 = datetime(2000, 1, 1, 0, 5, tzinfo=UTC)


@pytest.fixture
def station(institute):
    made = station_of(institute, state="on_time", name="Old Cut")
    came = clock.now() - timedelta(hours=1)
    series = Series.objects.create(station=made, name="temp", unit="Cel", created_at=came)
    for n in range(3):
        Reading.objects.create(
            series=series, occurred_at=Y2000 + timedelta(minutes=n), received_at=came + timedelta(minutes=n), value=n,
            flags=1,
        )  # fmt: skip
    DirtyHour.objects.create(series=series, hour=Y2000.replace(minute=0))
    StationContact.objects.filter(station=made).update(
        health={"at": came.timestamp()}, health_received_at=clock.now(), clock_offset_s=1.0
    )
    return made


def text_of(answer):
    return answer.content.decode()


def test_it_is_moved_after_a_preview_and_moved_back(browse, operator, viewer, station):
    place = f"/stations/{station.serial}/clock/"
    client = browse(operator)
    page = text_of(client.get(place))
    assert "rows have times before 2010" in page
    assert "1 Jan 2000 00:05:00" in page
    preview = text_of(client.post(f"{place}move/", {"side": "behind"}))
    assert "rows would change from the first line to the second" in preview
    assert Reading.objects.filter(occurred_at__lt=PAST).count() == 3
    filled = {"side": "behind", "offset_s": "", "confirmed": "yes"}
    assert "rows are corrected" in text_of(client.post(f"{place}move/", filled, follow=True))
    assert not Reading.objects.filter(occurred_at__lt=PAST).exists()
    assert "No data from this station has a wrong time" in text_of(client.get(place))
    data = text_of(client.get(f"/stations/{station.serial}/data/?series=temp"))
    assert "time corrected" in data
    shift = TimeShift.objects.get()
    assert browse(viewer).post(f"{place}moves/{shift.pk}/undo/").status_code == 403
    assert "back at its original times" in text_of(client.post(f"{place}moves/{shift.pk}/undo/", follow=True))
    assert Reading.objects.filter(occurred_at__lt=PAST, flags=1, shift_id=None).count() == 3
    again = text_of(client.post(f"{place}moves/{shift.pk}/undo/", follow=True))
    assert "already been undone" in again


@pytest.mark.parametrize(
    ("filled", "words"),
    [
        ({"side": "behind", "offset_s": "many"}, "a number of seconds"),
        ({"side": "behind", "offset_s": "nan"}, "a number of seconds"),
        ({"side": "behind", "offset_s": "1e300"}, "a number of seconds"),
        ({"side": "behind", "received_from": "yesterday"}, "Enter a time like"),
        ({"side": "sideways"}, "behind or ahead"),
        ({"side": "ahead"}, "No data from this station"),
        ({"side": "behind", "received_from": "2099-01-01 00:00"}, "No data from this station"),
    ],
)
def test_what_cannot_be_moved_is_told_in_a_sentence(browse, operator, station, filled, words):
    answer = browse(operator).post(f"/stations/{station.serial}/clock/move/", filled, follow=True)
    assert words in text_of(answer)
    assert not TimeShift.objects.exists()


def test_meanwhile_the_station_is_not_healthy(browse, operator, station):
    client = browse(operator)
    assert "same as ours" in text_of(client.get(f"/stations/{station.serial}/"))
    rules_sweep()
    page = text_of(client.get(f"/stations/{station.serial}/"))
    assert "its data has wrong times" in page
    assert "Its clock says 1 Jan 2000." in page
    fleet = text_of(client.get("/"))
    assert "Your station needs attention" in fleet
    assert "<b>Its clock says 1 Jan 2000.</b> Since " in fleet
