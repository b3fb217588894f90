"""The feed loses no row, whichever transaction commits first, and after a restore into another server."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.models import F
from forward.conftest import counts, pack, run
from people import station_of

from fleet.core import clock
from fleet.forward import feed
from fleet.forward.feed import chunk_next, chunk_rows, feed_prune, feed_renumber
from fleet.forward.models import Forwarder, ForwardNote
from fleet.ingest.pipeline import Pipeline

pytestmark = pytest.mark.django_db(transaction=True)


def rows_of(forwarder):
    chunk = chunk_next(forwarder)
    return [] if chunk is None else [row.value for row in chunk_rows(chunk, series=None, moment=None, most=1_000)]


def test_rows_that_commit_later_under_a_smaller_number_are_sent(hook, receiver, station, institute, arrive):
    """A batch is written, and a later one commits first: it waits until the first has committed, and both are sent."""
    slow = station_of(institute)
    written, may_commit = threading.Event(), threading.Event()

    def take_slowly() -> None:
        with transaction.atomic():
            Pipeline().take([pack(slow, 1.0, 2.0)])
            written.set()
            may_commit.wait(60)
        connections.close_all()

    thread = threading.Thread(target=take_slowly)
    thread.start()
    try:
        assert written.wait(60)
        arrive(3.0)
        # The overtaking batch is committed and visible, but its place in the order is not certain yet.
        assert ForwardNote.objects.count() == 1
        run(hook)
        assert receiver.seen == []
    finally:
        may_commit.set()
        thread.join()
    run(hook)
    assert sorted(receiver.values()) == [1.0, 2.0, 3.0]
    notes = list(ForwardNote.objects.order_by("xact", "id").values_list("xact", "id"))
    assert notes[0] < notes[1]
    assert counts(hook) == (3, 0, 0, 0)
    assert run(hook).rows == 3


def test_a_transaction_that_fails_holds_nothing_up(hook, receiver, arrive, station):
    with transaction.atomic():
        Pipeline().take([pack(station, 8.0)])
        transaction.set_rollback(True)
    arrive(9.0)
    run(hook)
    assert receiver.values() == [9.0]


def test_only_what_arrives_for_the_organization_after_it_was_added(add, receiver, arrive, elsewhere):
    arrive(1.0)
    hook = add(url=receiver.url)
    arrive(2.0, of=station_of(elsewhere))
    assert not ForwardNote.objects.exists()
    arrive(3.0)
    run(hook)
    assert receiver.values() == [3.0]


def test_without_a_forwarder_nothing_is_noted(arrive):
    arrive(1.0)
    assert not ForwardNote.objects.exists()


def test_rows_taken_out_of_quarantine_are_sent_though_they_arrived_long_ago(hook, receiver, arrive, station, pipeline):
    arrive(1.0)
    run(hook)
    held = pack(station, 2.0)
    held.received_at, held.number_held = clock.now() - timedelta(days=40), 7
    pipeline.retake([held])
    run(hook)
    assert receiver.values() == [1.0, 2.0]


def test_values_of_one_moment_each_arrive_also_over_the_edge_of_an_hour(hook, receiver, arrive):
    hour = (clock.now().timestamp() // 3_600) * 3_600
    for value in (1.0, 2.0, 3.0):
        arrive(value, since=hour - 0.000001)
    run(hook)
    assert sorted(receiver.values()) == [1.0, 2.0, 3.0]


def test_a_chunk_is_read_in_pages_in_the_same_order(hook, arrive, monkeypatch):
    monkeypatch.setattr(feed, "_SLICE", 2)
    for name in ("a", "b", "c"):
        arrive(*(float(n) for n in range(5)), name=name)
    chunk = chunk_next(hook)
    whole = chunk_rows(chunk, series=None, moment=None, most=100)
    assert len(whole) == 15
    paged, last = [], (None, None)
    while page := chunk_rows(chunk, series=last[0], moment=last[1], most=4):
        paged += page
        last = page[-1].series_id, page[-1].occurred_at
    assert paged == whole == sorted(whole)


def test_notes_are_removed_once_all_have_done_them(add, receiver, arrive):
    first, second = add(url=receiver.url), add(url=receiver.url, name="Second")
    arrive(1.0)
    run(first)
    assert feed_prune() == 0
    run(second)
    assert feed_prune() == 1
    assert Forwarder.objects.filter(is_fed=True).count() == 2


def test_one_that_is_a_month_behind_stops_and_says_since_when(hook, receiver, arrive):
    arrive(1.0)
    ForwardNote.objects.update(noted_at=clock.now() - feed.KEPT - timedelta(days=1))
    arrive(2.0)
    assert feed_prune() == 2
    hook.refresh_from_db()
    assert (hook.is_fed, hook.paused_at is not None) == (False, True)
    assert "were not sent" in hook.paused_why
    arrive(3.0)
    assert not ForwardNote.objects.exists()


def test_places_stay_in_order_after_a_restore_into_a_server_that_counts_from_its_beginning(hook, receiver, arrive):
    arrive(1.0)
    run(hook)
    arrive(2.0)
    # As if all of it came from a server that had counted much further.
    far = 10**9
    ForwardNote.objects.update(xact=F("xact") + far)
    Forwarder.objects.update(after_xact=F("after_xact") + far)
    arrive(3.0)
    hook.refresh_from_db()
    assert rows_of(hook) == []
    assert feed_renumber() == 2
    assert feed_renumber() == 0
    hook.refresh_from_db()
    run(hook)
    assert counts(hook) == (3, 0, 0, 0)
    assert receiver.values() == [1.0, 2.0, 3.0]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bool_and(xact < pg_snapshot_xmax(pg_current_snapshot())::text::bigint) FROM forward_forwardnote"
        )
        assert cursor.fetchone() == (True,)
