"""Cold storage and forwarders: rows that became cold before they were sent, back-fills of cold months, bad files."""

from datetime import timedelta

import pytest
from forward.conftest import counts, run
from telemetry.cold_months import cold, merged, moved

from fleet.core import clock
from fleet.forward.models import RefusedRow
from fleet.forward.services import RowChoice, forwarder_backfill, forwarder_refused_again
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.models import Detection, Reading
from fleet.telemetry.rollups import rollups_rebuild

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cold")]


@pytest.fixture
def old():
    """A moment in the middle of a month that is old enough."""
    day = (clock.now() - timedelta(days=270)).replace(day=15, hour=12, minute=0, second=0, microsecond=0)
    return day.timestamp()


@pytest.fixture
def month(arrive, old):
    """Three readings of that month, cold."""
    arrive(1.0, 2.0, 3.0, since=old)
    rollups_rebuild(settled_s=0)
    assert moved().rows == 3
    assert not Reading.objects.exists()


def test_late_rows_that_were_merged_before_their_turn_are_sent(month, add, receiver, arrive, old):
    hook, beside = add(url=receiver.url), add(url=f"{receiver.url}/beside", name="Beside")
    # A new row, another value at a cold moment, and a repeat of a cold row.
    arrive(7.0, since=old + 60)
    arrive(2.5, since=old + 1)
    arrive(3.0, since=old + 2)
    run(beside)
    # Before the night, the other value has its moment as it arrived; the repeat is none of the rows that arrived.
    assert sorted(receiver.values()) == [2.5, 7.0]
    receiver.seen.clear()
    done = merged()
    assert (done.known, done.moved) == (1, 1)
    assert not Reading.objects.exists()
    run(hook)
    assert sorted(receiver.values()) == [2.5, 7.0]
    assert counts(hook) == counts(beside) == (2, 0, 0, 0)
    receiver.seen.clear()
    assert run(hook).rows == run(beside).rows == 2
    assert receiver.seen == []


def test_a_file_that_cannot_be_read_holds_the_lane_with_the_reason(month, add, receiver, arrive, old, cold):
    hook = add(url=receiver.url)
    arrive(7.0, since=old + 60)
    merged()
    path = cold / ColdFile.objects.get(state=ColdFile.State.COLD).name
    away = path.rename(path.with_suffix(".away"))
    run(hook)
    assert "cold storage" in hook.answer
    assert (hook.failures, hook.rows) == (1, 0)
    away.rename(path)
    assert counts(run(hook)) == (1, 0, 0, 0)
    assert receiver.values() == [7.0]


def test_a_backfill_reads_cold_months_and_refused_rows_are_found_there(month, add, receiver, arrive, operator, old):
    hook = add(url=receiver.url)
    receiver.answer = lambda _m, _p, _q, _h, body: (422, {"error": "no"}) if b'"value": 2.0' in body else 204
    arrive(9.0)
    forwarder_backfill(actor=operator, forwarder=hook, start=clock.from_seconds(old - 1))
    run(hook)
    assert (hook.backfill_from, counts(hook)) == (None, (4, 0, 0, 1))
    assert RefusedRow.objects.get().occurred_at.timestamp() == old + 1
    receiver.answer = lambda *_: 204
    forwarder_refused_again(actor=operator, forwarder=hook)
    receiver.seen.clear()
    assert counts(run(hook)) == (5, 0, 0, 0)
    assert receiver.values() == [2.0]


def test_cold_detections_are_sent_in_back_fills_and_late_ones_though_they_were_merged(
    add, receiver, hear, operator, old
):
    hear("61", "62", pulses=[4.0], since=old)
    assert moved().rows == 3
    assert not Detection.objects.exists()
    choice = RowChoice(is_clean=False, wants_readings=False, detections="all")
    hook = add(url=receiver.url, choice=choice)
    hear("63", pulses=[5.0], since=old + 60, line=90)
    hear("61", since=old)
    merged()
    assert not Detection.objects.exists()
    # The repeat does not count as a row that arrived: its row was there already.
    assert counts(run(hook)) == (2, 0, 0, 0)
    receiver.seen.clear()
    receiver.answer = lambda _m, _p, _q, _h, body: (422, {"error": "no"}) if b'"tag": "62"' in body else 204
    forwarder_backfill(actor=operator, forwarder=hook, start=clock.from_seconds(old - 1))
    run(hook)
    assert (hook.backfill_from, counts(hook)) == (None, (6, 0, 0, 1))
    receiver.answer = lambda *_: 204
    forwarder_refused_again(actor=operator, forwarder=hook)
    receiver.seen.clear()
    assert counts(run(hook)) == (7, 0, 0, 0)
    assert b'"tag": "62"' in receiver.seen[0][3]
