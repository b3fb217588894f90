"""Rows numbered on from the first line: never past the largest line number, and neighbours are stored."""

import time

import pytest

from fleet.ingest.handlers.detections import lines_of
from fleet.ingest.models import QuarantinedMessage
from fleet.telemetry.models import Detection, Position
from message_queue.errors import MessageRefused

MOST = 2**31 - 1


@pytest.mark.parametrize(
    ("line", "rows", "lines"),
    [([], 2, [0, 0]), ([7], 3, [7, 8, 9]), ([MOST], 1, [MOST]), ([MOST - 1], 2, [MOST - 1, MOST]), ([5, 5], 2, [5, 5])],
)
def test_lines_that_fit_are_counted_on(line, rows, lines):
    assert list(lines_of(line, rows)) == lines


@pytest.mark.parametrize(("line", "rows"), [(MOST, 2), (MOST - 1, 3), (MOST - 9_998, 10_000)])
def test_lines_beyond_what_the_database_keeps_are_refused_by_name(line, rows):
    with pytest.raises(MessageRefused, match="`line` is"):
        lines_of([line], rows)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "columns"),
    [("detections", {"what": "pulse", "port": 3, "freq": [1.0, 2.0]}), ("gps", {"lat": [1.0, 2.0], "lon": [3.0, 4.0]})],
)
def test_such_a_message_is_in_quarantine_with_its_reason_and_its_neighbour_is_stored(
    pipeline, station, delivery, kind, columns
):
    now = time.time()
    body = {**columns, "bt": now, "t": [0.0, 1.0]}
    outcome = pipeline.take(
        [
            delivery(station.serial, kind, {**body, "line": [MOST]}, stream="a", seq=1),
            delivery(station.serial, kind, {**body, "line": [1]}, stream="a", seq=2),
        ]
    )
    assert (outcome.stored, outcome.quarantined) == (1, 1)
    assert Detection.objects.count() + Position.objects.count() == 2
    held = QuarantinedMessage.objects.get()
    assert held.reason == "bad-fields"
    assert "would exceed" in held.sentence
