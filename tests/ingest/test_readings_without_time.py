"""A device without a clock sends values without a time: each becomes a row, even when many arrive in one batch."""

import pytest

from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.replay import quota_release
from fleet.telemetry.models import Reading, StreamLedger

pytestmark = pytest.mark.django_db


def test_values_without_a_time_that_come_together_are_all_kept(pipeline, station, delivery):
    messages = [
        delivery(station.serial, "readings", [{"n": "level", "v": float(number)}], stream="clockless", seq=number)
        for number in range(1, 501)
    ]
    outcome = pipeline.take(messages)
    assert (outcome.stored, StreamLedger.objects.get().messages) == (500, 500)
    kept = list(Reading.objects.order_by("occurred_at").values_list("value", flat=True))
    assert kept == [float(number) for number in range(1, 501)]


def test_a_time_before_receipt_counts_from_the_receipt(pipeline, station, delivery):
    pack = [{"n": "level", "v": 1.0, "t": -60}, {"n": "level", "v": 2.0}]
    pipeline.take([delivery(station.serial, "readings", pack, stream="clockless", seq=1)])
    first, second = Reading.objects.order_by("occurred_at")
    assert (second.occurred_at - first.occurred_at).total_seconds() == pytest.approx(60, abs=1e-5)
    assert (second.received_at - second.occurred_at).total_seconds() == pytest.approx(0, abs=1e-3)


def test_values_without_a_time_that_waited_for_a_quota_are_all_kept(pipeline, station, delivery, settings):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 1.0, 10.0
    messages = [
        delivery(station.serial, "readings", [{"n": "level", "v": float(number)}], stream="clockless", seq=number)
        for number in range(1, 101)
    ]
    assert pipeline.take(messages).quarantined == 90
    assert quota_release() == 90
    kept = list(Reading.objects.order_by("occurred_at").values_list("value", flat=True))
    assert kept == [float(number) for number in range(1, 101)]
    QuarantinedMessage.objects.update(state="held")
    quota_release()
    assert Reading.objects.count() == 100, "replayed once more, they are already known"
