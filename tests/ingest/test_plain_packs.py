"""Packs of plain numbers take a faster path, which stores and refuses exactly what the general path does."""

import json
import random
import time
from datetime import UTC, datetime

import msgspec
import pytest

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival, StationRef
from fleet.ingest.handlers.readings import handle
from fleet.ingest.memory.series import SeriesBook
from fleet.stations.models import ModelQuantity, StationModel
from fleet.telemetry.models import Series
from message_queue.codec import decode
from message_queue.contracts.readings import PlainRecord, SenmlRecord, stretches
from message_queue.errors import MessageRefused
from message_queue.intake import message_read
from message_queue.left_out import LeftOut

pytestmark = pytest.mark.django_db
NOW = float(int(time.time()))
MOMENT = datetime.fromtimestamp(NOW, tz=UTC)
#: Values that a field may have; None means that it is absent.
FIELDS = {
    "n": ["", "t", "u2", "-x", "a b", None, None],
    "v": [0, 1.5, -3, 1e300, None],
    "t": [0, 5, -7200, 400_000, 1e12, NOW, NOW - 4e8, NOW + 1e7, -9e9, None, None],
    "u": ["V", "mV", "Cel", "K", None, None],
    "bn": ["", "b", "urn:roost:SG-7F5ERPI46977:", "urn:roost:SG-7F5ERPI46977:b", None, None, None, None],
    "bt": [NOW - 3600, NOW + 9e6, 0, 1e12, None, None, None, None],
    "bu": ["V", "K", None, None, None, None],
}


def some_pack(dice):
    records = [{key: dice.choice(values) for key, values in FIELDS.items()} for _ in range(dice.randint(1, 12))]
    return [{key: value for key, value in record.items() if value is not None} for record in records]


def handled(message, station, delivery, *, is_reused):
    """The result of the handler for a message: its refusal, or everything in the batch."""
    delivery.is_reused = is_reused
    ref = StationRef(station.id, station.organization_id, station.serial)
    batch = Batch(MOMENT, SeriesBook())
    batch.series.meet([station.id])
    arrival = Arrival(delivery, ref, message, 0, LeftOut())
    try:
        handle(arrival, batch)
    except MessageRefused as refused:
        return refused.reason, str(refused), dict(Series.objects.values_list("name", "unit"))
    return (
        *(sorted(sink.rows) for sink in batch.sinks()),
        batch.newest,
        batch.dirty,
        (arrival.left_out.count, arrival.left_out.reason, arrival.left_out.named),
        sorted(Series.objects.values_list("name", "unit", "is_other")),
    )


def with_limits(station):
    """Give the station a model whose voltage must be between 0 and 1 volt."""
    model = StationModel.objects.create(manufacturer="Gull", name="Board", kind="air_quality")
    ModelQuantity.objects.create(model=model, name="t", unit="V", least=0, most=1)
    station.model = model
    station.save()


@pytest.mark.parametrize("limited", [False, True])
def test_a_plain_pack_becomes_the_same_rows_on_both_paths(station, delivery, limited):
    if limited:
        with_limits(station)
    dice = random.Random(1)
    for _ in range(200):
        sent = delivery(station.serial, "readings", some_pack(dice))
        plain = message_read(sent.properties, sent.routing_key, station.serial, sent.body)
        general = decode(sent.properties, sent.routing_key, station.serial, sent.body)
        assert type(plain.body[0]) is PlainRecord
        assert type(general.body[0]) is SenmlRecord
        is_reused = dice.random() < 0.2
        # Once without comparing: after that the series exist, with the same ids for both paths.
        handled(general, station, sent, is_reused=is_reused)
        wanted = handled(general, station, sent, is_reused=is_reused)
        assert handled(plain, station, sent, is_reused=is_reused) == wanted, sent.body


@pytest.mark.parametrize("records", [[{"n": "t", "t": -9e9, "v": 1}], [{"n": "-x", "v": 1}], [{"n": "t"}]])
def test_a_record_that_is_refused_creates_no_series(station, delivery, records):
    sent = delivery(station.serial, "readings", records)
    message = message_read(sent.properties, sent.routing_key, station.serial, sent.body)
    handled(message, station, sent, is_reused=False)
    assert not Series.objects.exists()


def test_stretches_end_where_base_values_change():
    pack = [
        *({"n": "a", "v": 1}, {"bn": "b", "bt": 5}, {"n": "c", "v": 2}, {"v": 3}),
        *({"bu": "V", "v": 4}, {"bt": 6, "bn": "urn:roost:X:d"}),
    ]
    records = msgspec.json.decode(json.dumps(pack), type=list[PlainRecord])
    found = [(*stretch[:3], [record.v for record in stretch.records]) for stretch in stretches(records)]
    assert found == [("", 0.0, "", [1]), ("b", 5.0, "", [2, 3]), ("b", 5.0, "V", [4]), ("d", 6.0, "V", [])]
