"""Numbers near 2^63 from one station break nothing for its organization."""

import pytest

from fleet.core import clock
from fleet.organizations.access import viewer_of_server
from fleet.stations.models import StationDataUse
from fleet.telemetry.completeness import _SORTS, CompletenessReport
from fleet.telemetry.ledger import ledger_summary

pytestmark = pytest.mark.django_db
END = 9_000_000_000_000_000_000
NOW = 1_763_690_000.0
ROOST = viewer_of_server("Roost")


def test_completeness_stands_numbers_near_the_end_in_several_streams(pipeline, make_station, delivery):
    wild, calm = make_station(), make_station()
    body = [{"n": "temp", "v": 1.0, "t": NOW}]
    for stream in ("a", "b", "c", "f1-x", "f1-y"):
        pipeline.take(
            [
                delivery(wild.serial, "readings", body, stream=stream, seq=1, oldest=1, next_seq=END),
                delivery(wild.serial, "readings", body, stream=stream, seq=END, oldest=END // 2, next_seq=END),
            ]
        )
    pipeline.take([delivery(calm.serial, "readings", body, stream="a", seq=1, oldest=1, next_seq=2)])
    for sort in _SORTS:
        report = CompletenessReport(viewer=ROOST, sort=sort)
        by_serial = {row.serial: row for row in report.part(offset=0, limit=10)}
        assert by_serial[calm.serial].percent == 100.0
        assert by_serial[wild.serial].lost == by_serial[wild.serial].on_station == END
    totals = CompletenessReport(viewer=ROOST).totals()
    assert (totals.stations, totals.complete, totals.lost) == (2, 1, END)
    assert len(list(CompletenessReport(viewer=ROOST).every())) == 2
    assert ledger_summary(station=wild).lost > 0


def test_counters_of_a_link_near_the_end_are_added_up_to_the_end(pipeline, station, delivery):
    for number, counter in enumerate(("a", "b", "c"), 1):
        use = {"counter": counter, "sent": END, "received": END}
        health = {"at": NOW + number, "data_use": use}
        outcome = pipeline.take([delivery(station.serial, "health", health, stream="a", seq=number)])
        assert (outcome.stored, outcome.quarantined) == (1, 0)
    used = StationDataUse.objects.get(station=station, month__lte=clock.now())
    assert (used.sent, used.received) == (END, END)
