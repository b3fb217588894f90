"""A card whose rows were moved to the right time arrives again: each row stays once, and the move says how many came."""

from datetime import UTC, datetime, timedelta

import pytest
from people import SERVER

from fleet.core import clock
from fleet.ingest.corrections.moved_again import moved_again_remove
from fleet.ingest.corrections.time_shifts import time_shift, time_shift_undo
from fleet.telemetry.models import Detection, DetectionCount, DirtyHour, Position, Reading, StationEvent, TagHour

pytestmark = pytest.mark.django_db

Y2000 = datetime(2000, 1, 1, 0, 5, tzinfo=UTC).timestamp()
KINDS = (Reading, Detection, Position, StationEvent)


@pytest.fixture
def card(pipeline, station, delivery):
    """Send the rows of a card whose clock began at 2000, in a stream of its own; `late` moves what it says."""

    def sent(stream, *, value=1.0, late=0.0):
        at = Y2000 + late
        times = [at + n for n in range(5)]
        bodies = {
            "readings": [{"n": "t", "v": value + n, "t": each} for n, each in enumerate(times)],
            "detections": {
                "what": "tag", "port": 1, "t": times, "tag": ["7.1"] * 5, "line": [1],
            },
            "gps": {"t": times, "lat": [51.5] * 5, "lon": [7.5] * 5, "line": [1]},
            "event": {"events": [{"t": each, "name": "odd", "line": n} for n, each in enumerate(times)]},
        }  # fmt: skip
        deliveries = [
            delivery(station.serial, kind, body, stream=stream, seq=n)
            for n, (kind, body) in enumerate(bodies.items(), 1)
        ]
        assert pipeline.take(deliveries).stored == 4

    return sent


def counts() -> list[int]:
    return [kind.objects.count() for kind in KINDS]


def old() -> list[int]:
    return [kind.objects.filter(occurred_at__year=2000).count() for kind in KINDS]


def test_each_row_stays_once_and_the_move_says_how_many_came_again(card, station):
    card("first")
    shift = time_shift(actor=SERVER, station=station, side="behind")
    assert (shift.rows, old()) == (20, [0, 0, 0, 0])
    assert moved_again_remove() == 0
    card("second")
    assert counts() == [10, 10, 10, 10]
    DirtyHour.objects.all().delete()
    assert moved_again_remove() == 20
    assert (counts(), old()) == ([5, 5, 5, 5], [0, 0, 0, 0])
    shift.refresh_from_db()
    assert shift.again == 20
    assert sum(DetectionCount.objects.values_list("count", flat=True)) == 5
    assert not DetectionCount.objects.filter(hour__year=2000).exists()
    assert not TagHour.objects.filter(hour__year=2000).exists()
    assert DirtyHour.objects.filter(hour__year=2000).count() == 1
    assert moved_again_remove() == 0


def test_other_values_and_other_times_stay(card, station):
    card("first")
    time_shift(actor=SERVER, station=station, side="behind")
    card("other-times", late=0.25)
    card("other-values", value=8.0)
    assert counts() == [15, 15, 15, 15]
    # The second batch has the tags, positions and events of the first: only its readings are others.
    assert moved_again_remove() == 15
    assert old() == [10, 5, 5, 5]


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("detections", {"freq": [1.5]}), ("detections", {"sig": [-40.0]}), ("detections", {"noise": [-90.0]}),
        ("detections", {"snr": [7.0]}), ("detections", {"used": [False]}), ("gps", {"alt": [12.0]}),
        ("event", {"port": 2}), ("event", {"data": {"a": 1}}),
    ],
)  # fmt: skip
def test_rows_that_differ_in_any_figure_stay(pipeline, station, delivery, kind, other):
    body = {
        "detections": {"what": "pulse", "port": 1, "t": [Y2000], "line": [1]},
        "gps": {"t": [Y2000], "lat": [51.5], "lon": [7.5], "line": [1]},
        "event": {"events": [{"t": Y2000, "name": "odd", "line": 1}]},
    }[kind]
    also = {"events": [{**body["events"][0], **other}]} if kind == "event" else {**body, **other}
    pipeline.take([delivery(station.serial, kind, body, stream="a", seq=1)])
    time_shift(actor=SERVER, station=station, side="behind")
    pipeline.take([delivery(station.serial, kind, also, stream="b", seq=1)])
    assert moved_again_remove() == 0
    assert (sum(counts()), sum(old())) == (2, 1)


def test_what_arrived_before_the_move_or_after_its_undoing_stays(card, station):
    card("first")
    shift = time_shift(actor=SERVER, station=station, side="behind", received_until=clock.now() + timedelta(hours=1))
    time_shift_undo(actor=SERVER, shift=shift)
    card("second")
    assert moved_again_remove() == 0
    assert old() == [5, 5, 5, 5]
