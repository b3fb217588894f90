"""Bursts that a station decoded itself are stored as events with all their figures, each once."""

import pytest

from fleet.telemetry.models import StationEvent, Suspicion
from fleet.telemetry.selectors import event_list

pytestmark = pytest.mark.django_db

FILE = "sgv2-7F5ERPI46977-003-2023-11-14T22-13-20.0000Z-all.txt"
BODY = {
    "bt": 1_700_000_000,
    "t": [0.1234, 5.2, 5.2],
    "port": [3, 3, 4],
    "code": ["163", "163", "17"],
    "line": [12],
    "freq": [2.61, None, 2.6],
    "slop": [0.0002, 0.0003, 0.0004],
    "file": FILE,
}


def test_bursts_are_kept_with_their_figures_and_once(pipeline, station, delivery):
    outcome = pipeline.take([delivery(station.serial, "bursts", BODY, stream="a", seq=1)])
    assert (outcome.stored, outcome.quarantined) == (1, 0)
    pipeline.take([delivery(station.serial, "bursts", BODY, stream="f2-b", seq=1)])
    rows = [(row.name, row.port, row.line, row.data) for row in StationEvent.objects.order_by("line")]
    assert rows == [
        ("burst", 3, 12, {"code": "163", "freq": 2.61, "slop": 0.0002}),
        ("burst", 3, 13, {"code": "163", "slop": 0.0003}),
        ("burst", 4, 14, {"code": "17", "freq": 2.6, "slop": 0.0004}),
    ]


def test_bursts_of_a_damaged_file_are_marked(pipeline, station, delivery):
    pipeline.take([delivery(station.serial, "bursts", BODY | {"damaged": True}, stream="a", seq=1)])
    assert [row.flags & Suspicion.DAMAGED_FILE for row in StationEvent.objects.all()] == [Suspicion.DAMAGED_FILE] * 3


def test_bursts_hide_no_other_event(pipeline, station, delivery):
    other = {"events": [{"t": 1_600_000_000, "name": "setting"}]}
    pipeline.take([delivery(station.serial, "bursts", BODY, stream="a", seq=1)])
    pipeline.take([delivery(station.serial, "event", other, stream="a", seq=2)])
    assert [event.name for event in event_list(station=station)] == ["setting"]
    assert [event.name for event in event_list(station=station, name="burst")] == ["burst"] * 3


@pytest.mark.parametrize("column", ["code", "freq", "port", "line"])
def test_uneven_columns_are_refused(pipeline, station, delivery, column):
    body = BODY | {column: (BODY[column] * 2)[:2]}
    outcome = pipeline.take([delivery(station.serial, "bursts", body, stream="a", seq=1)])
    assert (outcome.quarantined, StationEvent.objects.count()) == (1, 0)
