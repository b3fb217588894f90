"""Moving detections to cold storage may be killed at any moment: nothing is lost, doubled, or counted wrong."""

from datetime import timedelta

import pytest
from people import station_of
from telemetry.cold_heard import counts_of, heard_fill, heard_rows, hot_heard, late_hear
from telemetry.cold_months import FEBRUARY, MARCH, MINUTE, Killed, cold, killed_at, merged, moved

from fleet.telemetry.cold import services, steps
from fleet.telemetry.cold.steps import Month
from fleet.telemetry.cold.tables import DETECTIONS
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.models import Detection, StationEvent
from fleet.telemetry.selectors import detection_list

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cold")]
HOUR = timedelta(hours=1)


def answer(station) -> list:
    found = detection_list(station=station, start=FEBRUARY, end=MARCH, limit=5_000)
    return [repr([getattr(one, name) for name in DETECTIONS.names]) for one in found]


def test_killed_before_any_statement_the_next_run_goes_on(institute):
    number = 0
    is_whole = False
    while not is_whole:
        number += 1
        station = station_of(institute)
        heard_fill(station, end=FEBRUARY + timedelta(days=2), step="2 hours")
        rows, told, counts = heard_rows(station), answer(station), counts_of(station)
        month = Month(station.pk, FEBRUARY.date(), DETECTIONS)
        with killed_at(number) as begun:
            try:
                services.cold_run(months=[month])
                is_whole = begun[0] < number
            except Killed:
                pass
        assert (heard_rows(station), answer(station)) == (rows, told), number
        services.cold_run(months=[month])
        assert (hot_heard(station), heard_rows(station), answer(station)) == (0, rows, told), number
        assert counts_of(station) == counts, number
    assert number > 25


def test_killed_before_any_statement_of_a_merge(institute):
    number = 0
    is_whole = False
    while not is_whole:
        number += 1
        station = station_of(institute)
        heard_fill(station, end=FEBRUARY + timedelta(days=1), step="2 hours")
        # With the new one, and without what comes a second time.
        new = {"port": 2, "kind": 2, "tag": "new", "rssi": -50.0, "line": 3}
        late_hear(station, FEBRUARY + MINUTE, **new)
        counts = counts_of(station)
        tag = Detection.objects.get(station=station, kind=2, tag__startswith="a,")
        Detection.objects.filter(station=station, tag="new").delete()
        month = Month(station.pk, FEBRUARY.date(), DETECTIONS)
        services.cold_run(months=[month])
        Detection(**new, station=station, occurred_at=FEBRUARY + MINUTE, received_at=MARCH).save(force_insert=True)
        late_hear(station, tag.occurred_at, like=tag)
        assert counts_of(station) != counts
        with killed_at(number) as begun:
            try:
                services.cold_run(months=[month])
                is_whole = begun[0] < number
            except Killed:
                pass
        services.cold_run(months=[month])
        assert (hot_heard(station), len(heard_rows(station)), len(answer(station))) == (0, 13, 13), number
        assert counts_of(station) == counts, number
        file = ColdFile.objects.get(station=station, state=ColdFile.State.COLD)
        assert (file.known, file.left_out) == (1, 0), number
    assert number > 30


@pytest.mark.parametrize(
    "place", ["parquet_write", "file_store", "_state", "file_over", "others_wait", "_repeats_settle"]
)
@pytest.mark.parametrize("is_after", [False, True])
def test_killed_before_and_after_each_act(institute, monkeypatch, place, is_after):
    station = station_of(institute)
    heard_fill(station, end=MARCH, step="12 hours")
    moved()
    late_hear(station, FEBRUARY + MINUTE)
    rows, act = heard_rows(station), getattr(steps, place)

    def killed(*args, **kwargs):
        if is_after:
            act(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(steps, place, killed)
    with pytest.raises(Killed):
        merged()
    assert heard_rows(station) == rows
    monkeypatch.undo()
    merged()
    assert (hot_heard(station), heard_rows(station)) == (0, rows)
    assert ColdFile.objects.filter(state=ColdFile.State.COLD).count() == 1


def test_another_row_than_was_written_is_given_up(institute, monkeypatch):
    station = station_of(institute)
    heard_fill(station, end=MARCH, step="12 hours")
    verify = steps._verify

    def changed(file):
        verify(file)
        Detection.objects.filter(station=station, kind=2, also__isnull=False).update(also={"Payload": "other"})

    monkeypatch.setattr(steps, "_verify", changed)
    assert (moved().failed, hot_heard(station)) == (1, 56)
    assert "are the same now" in services.cold_given_up().get().reason
    monkeypatch.undo()
    assert (moved().months, hot_heard(station)) == (1, 0)


def test_a_row_that_comes_again_between_two_steps_waits_for_the_next_night(institute, monkeypatch):
    station = station_of(institute)
    heard_fill(station, end=MARCH, step="12 hours")
    counts = counts_of(station)
    tag = Detection.objects.filter(station=station, kind=2).first()
    moved()
    late_hear(station, FEBRUARY + MINUTE)
    settle = steps._repeats_settle

    def crossed(*told):
        settle(*told)
        if not Detection.objects.filter(station=station, line=tag.line).exists():
            late_hear(station, tag.occurred_at, like=tag)

    monkeypatch.setattr(steps, "_repeats_settle", crossed)
    assert (merged().rows, hot_heard(station)) == (1, 1)
    monkeypatch.undo()
    done = merged()
    assert (done.known, done.rows, hot_heard(station), len(answer(station))) == (1, 0, 0, 57)
    assert len(counts_of(station)[0]) == len(counts[0]) + 1
    assert counts_of(station)[1] == counts[1]
    assert not StationEvent.objects.filter(name="rows_left_out").exists()
