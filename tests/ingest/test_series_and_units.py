"""A series is its name and what it measures: no value is stored under a unit that it does not have."""

import time
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

from fleet.core import clock
from fleet.ingest.memory.series import SERIES_MOST
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Pipeline
from fleet.stations.models import ModelQuantity, StationModel
from fleet.telemetry.models import Reading, Series
from fleet.telemetry.rollups import rollups_rebuild
from fleet.telemetry.selectors import readings, series_get

pytestmark = pytest.mark.django_db
NOW = float(int(time.time()))
#: The same limits as in the models that come with Roost.
LIMITS = import_module("fleet.stations.migrations.0011_what_stations_say_has_its_place").LIMITS


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = iter(range(1, 1_000))

    def sent(*records, through=pipeline, sequenced=True):
        number = {"stream": "a", "seq": next(numbers)} if sequenced else {}
        return through.take([delivery(station.serial, "readings", list(records), **number)])

    return sent


def newest():
    return {one.reference: (one.last_value, one.unit) for one in Series.objects.all()}


def test_20_cel_then_293_15_k_is_20_cel(send, station):
    send({"n": "t", "u": "Cel", "v": 20, "t": NOW - 9})
    send({"n": "t", "u": "K", "v": 293.15, "t": NOW - 5})
    assert newest() == {"t": (20.0, "Cel")}
    kept = Reading.objects.order_by("occurred_at").values_list("value", "sent_value", "sent_unit")
    assert list(kept) == [(20.0, None, None), (20.0, 293.15, "K")]
    points = readings(series=series_get(station=station, name="t"), start=_at(NOW - 60), end=_at(NOW + 60))
    assert [(point.value, point.sent_value, point.sent_unit) for point in points] == list(kept)


def test_1_km_then_500_m_is_half_a_km(send):
    send({"n": "level", "u": "km", "v": 1, "t": NOW - 9}, {"n": "level", "u": "m", "v": 500, "t": NOW - 5})
    assert newest() == {"level": (0.5, "km")}


def test_the_rfcs_humidity_position_and_battery_under_one_name_are_four_series(send, station):
    send(
        {"bn": "d", "bt": NOW - 500, "bu": "%RH", "v": 20},
        {"u": "lon", "v": 24.30621},
        {"u": "lat", "v": 60.07965},
        {"t": 60, "v": 20.3},
        {"u": "lon", "t": 60, "v": 24.30622},
        {"u": "lat", "t": 60, "v": 60.07965},
        {"t": 120, "v": 20.7},
        {"u": "lon", "t": 120, "v": 24.30623},
        {"u": "lat", "t": 120, "v": 60.07966},
        {"u": "%EL", "t": 150, "v": 98},
        {"t": 180, "v": 21.2},
        {"u": "lon", "t": 180, "v": 24.30628},
        {"u": "lat", "t": 180, "v": 60.07967},
    )
    assert Reading.objects.count() == 13
    assert newest() == {
        "d": (21.2, "%RH"),
        "d[lon]": (24.30628, "lon"),
        "d[lat]": (60.07967, "lat"),
        "d[%EL]": (98.0, "%EL"),
    }
    assert series_get(station=station, name="d").unit == "%RH"
    assert series_get(station=station, name="d[lat]").last_value == 60.07967


def test_an_empty_unit_is_filled_in_later_and_a_value_without_one_belongs_to_the_first(send):
    send({"n": "t", "v": 20, "t": NOW - 9})
    send({"n": "t", "u": "Cel", "v": 21, "t": NOW - 8})
    send({"n": "t", "u": "K", "v": 295.15, "t": NOW - 7})
    send({"n": "t", "v": 23, "t": NOW - 6})
    assert newest() == {"t": (23.0, "Cel")}
    assert list(Reading.objects.order_by("occurred_at").values_list("value", flat=True)) == [20, 21, 22, 23]


def test_two_workers_agree_on_a_unit_that_one_of_them_filled_in(send):
    other = Pipeline()
    send({"n": "t", "v": 20, "t": NOW - 9})
    send({"n": "t", "v": 20, "t": NOW - 8}, through=other)
    send({"n": "t", "u": "Cel", "v": 21, "t": NOW - 7})
    send({"n": "t", "u": "K", "v": 295.15, "t": NOW - 6}, through=other)
    send({"n": "t", "u": "%RH", "v": 50, "t": NOW - 5}, through=other)
    send({"n": "t", "u": "%RH", "v": 51, "t": NOW - 4})
    assert newest() == {"t": (22.0, "Cel"), "t[%RH]": (51.0, "%RH")}


def test_a_replay_of_converted_values_doubles_nothing(send):
    record = {"n": "t", "u": "K", "v": 293.15, "t": NOW - 5}
    send({"n": "t", "u": "Cel", "v": 19, "t": NOW - 9}, sequenced=False)
    for _ in range(3):
        send(record, sequenced=False)
    assert Reading.objects.count() == 2
    assert newest() == {"t": (20.0, "Cel")}


def test_a_value_that_its_series_unit_cannot_hold_is_left_out_by_name(send):
    send({"n": "way", "u": "mm", "v": 1, "t": NOW - 9})
    outcome = send({"n": "way", "u": "km", "v": 1e305, "t": NOW - 8}, {"n": "way", "u": "km", "v": 1, "t": NOW - 7})
    assert (outcome.stored, outcome.partial, outcome.quarantined) == (1, 1, 0)
    assert newest() == {"way": (1_000_000.0, "mm")}
    assert "1e+305 km" in QuarantinedMessage.objects.get().sentence


def test_a_station_with_all_its_series_keeps_what_belongs_to_them(send, station):
    moment = _at(NOW)
    Series.objects.bulk_create(
        Series(station=station, name=f"s{i}", unit="V", dimension="V", created_at=moment) for i in range(SERIES_MOST)
    )
    outcome = send({"n": "one-more", "v": 1, "t": NOW}, {"n": "s7", "u": "mV", "v": 1500, "t": NOW})
    assert (outcome.stored, outcome.partial) == (1, 1)
    assert Series.objects.get(name="s7").last_value == 1.5
    held = QuarantinedMessage.objects.get()
    assert (held.reason, "one-more" in held.sentence) == ("left-out", True)


class TestTwoValuesAtOneMoment:
    """A moment is a reading's key; a different value moves to the next microsecond, so nothing is lost."""

    def test_both_are_kept_and_the_newest_is_one_that_is_in_a_row(self, send):
        send({"n": "t", "v": 1, "t": NOW})
        send({"n": "t", "v": 2, "t": NOW})
        rows = list(Reading.objects.order_by("occurred_at").values_list("value", "flags"))
        assert rows == [(1, 0), (2, 64)]
        assert Series.objects.get().last_value == 2

    def test_ten_values_of_a_second_in_one_message_are_ten_rows_however_often_they_come(self, send):
        records = [{"n": "t", "v": value, "t": NOW} for value in range(10)]
        for _ in range(3):
            send(*records, sequenced=False)
        assert sorted(Reading.objects.values_list("value", flat=True)) == list(range(10))
        moments = set(Reading.objects.values_list("occurred_at", flat=True))
        assert (len(moments), max(moments) - min(moments)) == (10, _at(NOW + 9e-6) - _at(NOW))

    def test_equal_values_of_a_moment_are_one(self, send):
        send({"n": "t", "v": 1, "t": NOW}, {"n": "t", "v": 1, "t": NOW})
        send({"n": "t", "v": 1, "t": NOW})
        assert Reading.objects.count() == 1

    def test_two_of_one_moment_in_two_units_are_compared_in_the_series_own(self, send):
        send({"n": "t", "u": "Cel", "v": 20, "t": NOW}, {"n": "t", "u": "K", "v": 293.15, "t": NOW})
        send({"n": "t", "u": "K", "v": 294.15, "t": NOW})
        assert sorted(Reading.objects.values_list("value", "sent_value")) == [(20.0, None), (21.0, 294.15)]

    def test_more_than_there_are_places_are_told_by_an_event(self, send, station):
        send(*({"n": "t", "v": value, "t": NOW} for value in range(1_005)))
        assert Reading.objects.count() == 1_000
        event = station.stationevent_set.get()
        assert (event.name, event.data["count"], event.data["series"]) == ("values_left_out", 5, "t")

    def test_those_of_two_parts_of_one_receipt_are_added(self, send, station, monkeypatch):
        moment = clock.now()
        monkeypatch.setattr(clock, "now", lambda: moment)
        send(*({"n": "t", "v": value, "t": NOW} for value in range(1_002)))
        send(*({"n": "t", "v": value, "t": NOW} for value in range(2_000, 2_003)))
        event = station.stationevent_set.get()
        assert (event.name, event.data["count"]) == ("values_left_out", 5)
        assert "first_at" not in event.data


class TestLimits:
    """An impossible value is kept, marked, and left out of means."""

    @pytest.fixture
    def station(self, make_station):
        # Made here, because the models that come with Roost are gone after a test that empties the tables.
        model = StationModel.objects.create(manufacturer="Gull", name="Nose of a test", kind="air_quality")
        for (name, unit), (least, most) in LIMITS.items():
            ModelQuantity.objects.create(model=model, name=name, unit=unit, least=least, most=most)
        return make_station("AIR-1", model=model)

    def test_140_rh_and_99_999_ppm_are_stored_and_marked(self, send):
        send(
            {"n": "humidity", "u": "%RH", "v": 140, "t": NOW - 3},
            {"n": "humidity", "u": "%RH", "v": 100.4, "t": NOW - 2},
            {"n": "co2", "u": "ppm", "v": 99_999, "t": NOW - 1},
        )
        rows = Reading.objects.order_by("occurred_at").values_list("value", "flags")
        assert list(rows) == [(140, 32), (100.4, 0), (99_999, 32)]
        assert Series.objects.get(name="co2").last_flags == 32

    def test_limits_hold_in_the_unit_of_the_series(self, send):
        send(
            {"n": "temperature", "u": "K", "v": 293.15, "t": NOW - 3},
            {"n": "temperature", "u": "K", "v": 999, "t": NOW},
        )
        send(
            {"n": "temperature", "u": "Cel", "v": 20, "t": NOW + 1},
            {"n": "temperature", "u": "Cel", "v": 86, "t": NOW + 2},
        )
        assert list(Reading.objects.order_by("occurred_at").values_list("flags", flat=True)) == [0, 32, 0, 32]

    def test_another_quantity_of_the_name_has_no_limits(self, send):
        send({"n": "humidity", "u": "V", "v": 140, "t": NOW})
        assert Reading.objects.get().flags == 0

    @pytest.mark.parametrize("every", [60, 3_600, 86_400])
    def test_a_mean_leaves_them_out_and_counts_them(self, every, send, station):
        day = NOW - NOW % 86_400 - 86_400
        send(*({"n": "co2", "u": "ppm", "v": v, "t": day + i} for i, v in enumerate((400, 410, 99_999))))
        send({"n": "co2", "u": "ppm", "v": 99_999, "t": day + 86_400 - 5})
        series = series_get(station=station, name="co2")
        asked = {"series": series, "start": _at(day), "end": _at(day + 86_400), "every": timedelta(seconds=every)}
        before = readings(**asked)
        rollups_rebuild(settled_s=-60.0)
        assert readings(**asked) == before
        first = before[0]
        assert (first.value, first.minimum, first.maximum) == (405, 400, 410)
        assert (sum(p.count for p in before), first.flags) == (4, 32)
        if every < 86_400:
            assert (before[-1].value, before[-1].minimum, before[-1].count, before[-1].flags) == (99_999, 99_999, 1, 32)


def _at(seconds):
    return datetime.fromtimestamp(seconds, tz=UTC)
