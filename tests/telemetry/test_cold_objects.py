"""Cold storage in an object store: the same answers, and nothing is deleted for a store that is away, slow or lies."""

from datetime import timedelta

import pytest
from files.object_store_fixtures import moto, store
from telemetry.cold_months import FEBRUARY, MARCH, MINUTE, cold, hot_count, late_store, merged, months_fill, moved
from telemetry.stored_readings import series_make

from fleet.core.errors import Unavailable
from fleet.telemetry import selectors
from fleet.telemetry.cold.services import cold_check, cold_erase
from fleet.telemetry.cold_files import ColdFile

__all__ = ["cold", "moto", "store"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cold")]
DAY = timedelta(days=1)


@pytest.fixture
def series(institute, store):
    made = series_make(institute)
    months_fill(made, end=MARCH, step="1 hour")
    return made


def test_a_month_goes_to_the_bucket_is_merged_and_erased(series, store, cold):
    hot = selectors.readings(series=series, start=FEBRUARY, end=MARCH)
    assert (moved().months, hot_count(series)) == (1, 0)
    assert selectors.readings(series=series, start=FEBRUARY, end=MARCH) == hot
    assert [name for name in store.objects() if name.startswith("cold/organization=")]
    assert not (cold / "cold").exists()
    late_store(series, [(FEBRUARY + MINUTE, 5.0)])
    assert (merged().rows, len(selectors.readings(series=series, start=FEBRUARY, end=MARCH))) == (1, len(hot) + 1)
    assert cold_check() == []
    assert cold_erase(station_id=series.station_id)
    assert not store.objects()


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        ("away", ("PUT",)),
        ("507 QuotaExceeded", ("PUT",)),
        ("swallowed", ("PUT",)),
        ("changed", ("GET",)),
        ("short", ("GET",)),
        ("page", ("GET", "PUT", "HEAD")),
    ],
)
def test_a_store_that_fails_or_lies_costs_nothing_but_a_later_run(series, store, kind, methods):
    store.relay.trouble.begin(kind, *methods)
    assert (moved().failed, hot_count(series)) == (1, 28 * 24)
    assert not ColdFile.objects.filter(state=ColdFile.State.COLD).exists()
    store.relay.trouble.end()
    assert (moved().months, hot_count(series)) == (1, 0)
    assert len(selectors.readings(series=series, start=FEBRUARY, end=MARCH)) == 28 * 24


def test_while_the_store_is_away_plots_are_there_and_single_readings_are_an_error(series, store):
    moved()
    store.relay.trouble.begin("away")
    with pytest.raises(Unavailable):
        selectors.readings(series=series, start=FEBRUARY, end=MARCH)
    assert len(selectors.readings(series=series, start=FEBRUARY, end=MARCH, every=DAY)) == 28
    with pytest.raises(Unavailable):
        cold_check()
