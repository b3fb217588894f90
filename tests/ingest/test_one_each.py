"""Series that store one reading in each interval: the others are kept back, each of them counted."""

import random
import time
from itertools import count

import psycopg
import pytest

from fleet.ingest.pipeline import Pipeline
from fleet.stations.models import StationContact
from fleet.telemetry.keeping.models import SeriesTally
from fleet.telemetry.keeping.rules import Kept, rule_set
from fleet.telemetry.models import Reading, Series

pytestmark = pytest.mark.django_db
#: The first second of 2000, as a clock says that was not set.
UNSET = 946_684_800.0
#: The beginning of an hour, by the station's clock.
HOUR = float(int(time.time()) // 3_600 * 3_600 - 7_200)


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = count(1)

    def sent(*records, through=None, sequenced=True):
        """Send temperatures of (seconds after the hour, value), or whole records."""
        pack = [
            one if isinstance(one, dict) else {"n": "t", "u": "Cel", "t": HOUR + one[0], "v": one[1]} for one in records
        ]
        number = {"stream": "a", "seq": next(numbers)} if sequenced else {}
        outcome = (through or pipeline).take([delivery(station.serial, "readings", pack, **number)])
        assert not outcome.quarantined

    return sent


def stored(name="t") -> list[tuple[float, float]]:
    rows = Reading.objects.filter(series__name=name).order_by("occurred_at").values_list("occurred_at", "value")
    return [(at.timestamp() - HOUR, value) for at, value in rows]


def kept_back(name="t") -> int:
    return sum(SeriesTally.objects.filter(series__name=name).values_list("kept_back", flat=True))


def test_one_in_each_minute_is_stored_and_every_other_one_is_counted(send, organization, station):
    rule_set(owner=organization, pattern="t", kept=Kept(interval_s=60))
    send((30, 2.0), (5, 1.0), (65, 3.0), {"n": "u", "t": HOUR, "v": 1}, {"n": "u", "t": HOUR + 1, "v": 2})
    # Of those that come together, the earliest. Other series are stored whole.
    assert (stored(), kept_back()) == ([(5, 1.0), (65, 3.0)], 1)
    assert stored("u") == [(0, 1.0), (1, 2.0)]
    newest = Series.objects.get(name="t")
    assert (newest.last_value, newest.last_at.timestamp()) == (3.0, HOUR + 65)
    # What is stored stays, though an earlier one comes late. The same once more is known.
    send((2, 9.0))
    assert (stored(), kept_back()) == ([(5, 1.0), (65, 3.0)], 2)
    send((5, 1.0), (65, 3.0), sequenced=False)
    assert (stored(), kept_back()) == ([(5, 1.0), (65, 3.0)], 2)
    # Another value of the same moment, a value in another unit, and one of an unset clock, which never is the newest.
    send((65, 4.0), {"n": "t", "u": "K", "t": HOUR + 130, "v": 273.15}, (UNSET - HOUR, 7.0))
    assert (stored()[1:], kept_back()) == ([(5, 1.0), (65, 3.0), (130, 0.0)], 3)
    assert Reading.objects.get(value=0.0).sent_value == 273.15
    assert Series.objects.get(name="t").last_at.timestamp() == HOUR + 130
    # The station's own rule comes first: this series has no interval any more.
    rule_set(owner=station, pattern="*", kept=Kept())
    send((6, 6.0), (7, 7.0), through=Pipeline())
    assert (len(stored()), kept_back()) == (6, 3)


def test_whatever_the_order_one_is_stored_and_the_sum_is_right(send, organization):
    rule_set(owner=organization, kept=Kept(interval_s=600))
    told = [(n * 37, float(n)) for n in range(100)]
    random.Random(7).shuffle(told)
    for n in range(0, 100, 9):
        # Each part comes again, in part and without a number, as from a card.
        send(*told[n : n + 9])
        send(*told[max(n - 3, 0) : n], sequenced=False) if n else None
    found = stored()
    assert [int(at) // 600 for at, _value in found] == list(range(7))
    assert set(found) <= set(told)
    # A reading that was kept back and comes again without a number is counted again; what is stored is not.
    repeats = [one for n in range(9, 100, 9) for one in told[n - 3 : n] if one not in found]
    assert len(found) + kept_back() == len(told) + len(repeats)


def test_health_is_kept_back_too_and_the_newest_report_still_counts(pipeline, organization, station, delivery):
    rule_set(owner=organization, pattern="health/*", kept=Kept(interval_s=3_600))
    for seconds, disk in ((1, 11.0), (900, 12.0)):
        report = {"at": HOUR + seconds, "disk_percent": disk}
        pipeline.take([delivery(station.serial, "health", report)])
    assert StationContact.objects.get(station=station).health["disk_percent"] == 12.0
    name = Series.objects.get(name__startswith="health/disk").name
    assert (stored(name), kept_back(name)) == ([(1, 11.0)], 1)


def test_a_batch_asks_no_more_when_more_readings_are_kept_back(send, organization, monkeypatch):
    rule_set(owner=organization, pattern="t", kept=Kept(interval_s=60))
    send((0, 1.0), {"n": "u", "t": HOUR, "v": 1})
    asked, execute = [], psycopg.Cursor.execute

    def count_and_execute(self, *args, **options):
        asked[-1] += 1
        return execute(self, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", count_and_execute)
    for n, records in enumerate(([(1, 1.0)], [(m, 1.0) for m in range(2, 59)])):
        asked.append(0)
        send(*records, {"n": "u", "t": HOUR + 1 + n, "v": 1})
    assert asked[0] == asked[1] > 0
    assert kept_back() == 58
