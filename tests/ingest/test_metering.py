"""A station's monthly usage: messages and bodies as we count them, bytes on the link as its agent reports them."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.ingest.stages.metering import Counter, growth_of
from fleet.stations.data_use import data_use_of, data_use_shown
from fleet.stations.models import Station, StationDataUse
from message_queue.contracts.health import DataUse

NOW = time.time()


def test_a_count_grows_and_a_new_one_begins_at_nothing():
    before = Counter("a", 1_000, 100)
    assert growth_of(before, DataUse(sent=1_500, received=130, counter="a")) == (500, 30)
    assert growth_of(before, DataUse(sent=40, received=4, counter="b")) == (40, 4)
    assert growth_of(before, DataUse(sent=900, received=90, counter="a")) == (0, 0)
    assert growth_of(Counter(), DataUse(sent=7, received=3, counter="a")) == (7, 3)


@pytest.mark.django_db
def test_messages_bodies_and_the_link_are_counted(pipeline, station, delivery):
    def report(seq, at, sent, counter="a"):
        body = {"at": at, "data_use": {"sent": sent, "received": sent // 10, "counter": counter}}
        return delivery(station.serial, "health", body, stream="a", seq=seq)

    first = report(1, NOW, 10_000)
    pipeline.take([first])
    pipeline.take([first, report(2, NOW + 1, 12_000)])
    pipeline.take([delivery(station.serial, "readings", b"{", stream="a", seq=3)])
    use = data_use_of(station=station, moment=clock.now())
    assert (use.messages, use.sent, use.received) == (4, 12_000, 1_200)
    assert use.payload_bytes == 2 * len(first.body) + len(report(2, NOW + 1, 12_000).body) + 1
    pipeline.take([report(4, NOW + 2, 500, counter="b")])
    assert data_use_of(station=station, moment=clock.now()).sent == 12_500


@pytest.mark.django_db
def test_a_station_whose_agent_does_not_count_has_messages_and_no_total(pipeline, station, delivery):
    pipeline.take([delivery(station.serial, "readings", [{"n": "t", "v": 1.0, "t": NOW}], stream="a", seq=1)])
    use = data_use_of(station=station, moment=clock.now())
    assert (use.total, use.messages, use.is_over) == (None, 1, False)
    assert use.sentence.startswith("1 message with 0.0 kB of content this month; the agent does not count")


def test_the_forecast_waits_for_a_day_and_says_how_the_month_ends():
    row = StationDataUse(
        month=date(2026, 11, 1),
        first_at=datetime(2026, 11, 1, tzinfo=UTC),
        messages=1,
        payload_bytes=1,
        sent=900_000,
        received=100_000,
    )
    early = data_use_shown(row, 5_000_000, datetime(2026, 11, 1, 12, tzinfo=UTC))
    assert (early.total, early.forecast, early.is_over) == (1_000_000, None, False)
    later = data_use_shown(row, 5_000_000, datetime(2026, 11, 4, tzinfo=UTC))
    assert later.forecast == 10_000_000
    assert later.is_over
    assert later.sentence == "1.0 MB of 5.0 MB on its link this month; at this rate 10.0 MB by 1 Dec."


@pytest.mark.django_db
def test_a_plan_that_will_not_last_is_told_of_once(station):
    Station.objects.filter(pk=station.pk).update(data_plan_bytes=1_000)
    month = clock.now().replace(day=1).date()
    StationDataUse.objects.create(
        station=station,
        month=month,
        first_at=clock.now() - timedelta(days=1),
        messages=1,
        payload_bytes=1,
        sent=900,
        received=50,
    )
    rules_sweep()
    rules_sweep()
    incident = Incident.objects.get(rule="data_plan")
    assert "set profile" in incident.sentence
    Station.objects.filter(pk=station.pk).update(data_plan_bytes=1_000_000)
    rules_sweep()
    incident.refresh_from_db()
    assert incident.closed_at is not None
