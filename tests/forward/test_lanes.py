"""Lanes against a real receiver: down, slow, refusing, killed workers; the four outcomes sum up to the rows."""

import base64
import json
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from forward.conftest import Receiver, counts, pack, run
from people import station_of
from standardwebhooks import Webhook

from fleet.core import clock
from fleet.core.errors import Conflict, InvalidInput, TooMany
from fleet.core.models import AuditEntry
from fleet.forward import lanes
from fleet.forward.kinds import kinds
from fleet.forward.lanes import lane_run, lanes_run
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.services import (
    FORWARDERS_MOST,
    forwarder_backfill,
    forwarder_pause,
    forwarder_refused_again,
    forwarder_refused_discard,
    forwarder_resume,
)
from fleet.forward.targets import secrets_of
from fleet.ingest.pipeline import Pipeline

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_signed_as_standard_webhooks_says(hook, receiver, arrive, station):
    arrive(21.5, 22.0)
    run(hook)
    ((_method, path, headers, body),) = receiver.seen
    assert path == "/hook"
    secret = secrets_of(hook)["secret"]
    told = Webhook(secret).verify(body, {key.lower(): value for key, value in headers.items()})
    assert told["type"] == "readings"
    assert [(row["station"], row["series"], row["unit"], row["value"]) for row in told["data"]] == [
        (station.serial, "temp", "Cel", 21.5), (station.serial, "temp", "Cel", 22.0),
    ]  # fmt: skip
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret not in json.dumps(Forwarder.objects.values("settings", "sealed_secrets")[0])
    assert counts(hook) == (2, 0, 0, 0)


def test_a_receiver_that_is_down_for_a_while_gets_everything_once(hook, receiver, arrive):
    arrive(1.0)
    port = receiver.port
    receiver.stop()
    run(hook)
    assert "cannot be reached" in hook.answer
    assert hook.next_try_at > clock.now()
    first = hook.failing_since
    arrive(2.0)
    run(hook)
    assert (hook.failures, hook.failing_since) == (2, first)
    back = Receiver(port)
    try:
        run(hook)
        assert back.values() == [1.0, 2.0]
    finally:
        back.stop()
    assert (hook.failures, hook.failing_since, hook.answer) == (0, None, "")
    assert counts(hook) == (2, 0, 0, 0)


def test_waits_grow_and_an_asked_for_pause_is_kept(hook, receiver, arrive):
    arrive(1.0)
    receiver.answer = lambda *_: (503, {"wait": True}, {"Retry-After": "7200"})
    run(hook)
    assert hook.next_try_at - clock.now() > timedelta(seconds=7_100)
    assert "503" in hook.answer
    receiver.answer = lambda *_: 500
    Forwarder.objects.update(failures=9)
    hook = Forwarder.objects.get()
    run(hook)
    assert timedelta(seconds=2_600) < hook.next_try_at - clock.now() < timedelta(seconds=3_601)
    lane_run(forwarder_id=hook.pk)
    assert lanes_run(seconds=0.1) == 0


def test_rows_that_are_refused_are_set_aside_and_the_others_go_on(hook, receiver, arrive, operator):
    receiver.answer = lambda _m, _p, _q, _h, body: (422, {"error": "13 is unlucky"}) if b"13.0" in body else 204
    arrive(*(float(n) for n in range(10, 20)))
    run(hook)
    assert counts(hook) == (9, 0, 0, 1)
    (refused,) = RefusedRow.objects.all()
    assert "13 is unlucky" in refused.reason
    assert hook.answer == ""
    receiver.answer = lambda *_: 204
    assert forwarder_refused_again(actor=operator, forwarder=hook) == 1
    run(hook)
    assert counts(hook) == (10, 0, 0, 0)
    assert not RefusedRow.objects.exists()
    assert sorted(set(receiver.values())) == [float(n) for n in range(10, 20)]


def test_a_refused_row_can_be_discarded_and_stays_counted(hook, receiver, arrive, operator):
    receiver.answer = lambda *_: 400
    arrive(1.0)
    run(hook)
    assert forwarder_refused_discard(actor=operator, forwarder=hook) == 1
    assert counts(run(hook)) == (0, 0, 0, 1)


def test_where_every_row_is_refused_it_stops_and_says_so(hook, receiver, arrive):
    receiver.answer = lambda *_: 400
    arrive(*(float(n) for n in range(50)))
    run(hook)
    assert "refuses every row" in hook.answer
    assert hook.rows_refused == RefusedRow.objects.count() == 19
    receiver.answer = lambda *_: 204
    run(hook)
    assert counts(hook) == (31, 0, 0, 19)


def test_so_many_refused_rows_pause_it(hook, receiver, arrive, monkeypatch):
    monkeypatch.setattr(lanes, "REFUSED_MOST", 2)
    receiver.answer = lambda *_: 400
    arrive(1.0, 2.0)
    run(hook)
    assert "refused 2 rows" in hook.paused_why
    assert AuditEntry.objects.filter(action="forwarder.pause").exists()


def test_one_that_wants_no_more_is_paused_and_goes_on_where_it_was(hook, receiver, arrive, operator):
    receiver.answer = lambda *_: 410
    arrive(1.0)
    run(hook)
    assert "410" in hook.paused_why
    lane_run(forwarder_id=hook.pk)
    assert len(receiver.seen) == 1
    receiver.answer = lambda *_: 204
    arrive(2.0)
    forwarder_resume(actor=operator, forwarder=hook)
    receiver.seen.clear()
    run(hook)
    assert receiver.values() == [1.0, 2.0]
    with pytest.raises(Conflict):
        forwarder_resume(actor=operator, forwarder=hook)


def test_one_that_fails_for_two_weeks_is_paused(hook, receiver, arrive):
    receiver.answer = lambda *_: 500
    arrive(1.0)
    run(hook)
    Forwarder.objects.update(failing_since=clock.now() - lanes.GIVE_UP_AFTER - timedelta(minutes=1))
    hook = Forwarder.objects.get()
    run(hook)
    assert "failed for 14 days" in hook.paused_why


def test_a_slow_receiver_delays_no_other(add, receiver, arrive):
    slow = Receiver()
    slow.answer = lambda *_: "hang"
    try:
        add(url=slow.url, name="Slow")
        add(url=receiver.url, name="Quick")
        arrive(1.0)
        thread = threading.Thread(target=lambda: (lanes_run(seconds=0.5), connections.close_all()))
        began = time.monotonic()
        thread.start()
        while not (receiver.seen and slow.seen):
            assert time.monotonic() - began < 60
            time.sleep(0.02)
        # The slow receiver still holds its request, so nobody waited for it.
        assert not slow.released.is_set()
        assert Forwarder.objects.get(name="Slow").answered_at is None
        slow.released.set()
        thread.join()
    finally:
        slow.stop()
    assert counts(Forwarder.objects.get(name="Quick")) == (1, 0, 0, 0)
    assert "did not answer properly" in Forwarder.objects.get(name="Slow").answer


def test_an_answer_that_is_lost_repeats_the_same_message(hook, receiver, arrive):
    receiver.answer = lambda *_: "drop"
    arrive(1.0)
    run(hook)
    arrive(2.0)
    receiver.answer = lambda *_: 204
    run(hook)
    lost, again, new = receiver.seen
    assert lost[2]["webhook-id"] == again[2]["webhook-id"] != new[2]["webhook-id"]
    assert json.loads(lost[3])["data"] == json.loads(again[3])["data"]
    assert counts(hook) == (2, 0, 0, 0)


def test_a_worker_that_dies_leaves_its_place_and_one_that_was_too_slow_writes_nothing(hook, receiver, arrive):
    arrive(1.0)
    claimed = lanes._claim(hook.pk, clock.now())
    assert run(hook).rows == 0
    Forwarder.objects.update(claimed_until=clock.now())
    assert run(hook).rows == 1
    assert not lanes._write(claimed, rows_sent=99)
    assert run(hook).rows == 1


def test_a_backfill_sends_what_was_here_before_and_new_rows_beside_it(add, receiver, arrive, operator):
    day = clock.now().timestamp() - 86_400
    arrive(1.0, 2.0, since=day)
    arrive(3.0, since=day, name="hum")
    arrive(0.0, since=day - 86_400)
    hook = add(url=receiver.url)
    arrive(4.0)
    forwarder_backfill(actor=operator, forwarder=hook, start=clock.from_seconds(day - 1))
    run(hook)
    # The new row comes first; the back-fill covers all until it was asked for, so it sends this row again.
    assert receiver.values() == [4.0, 1.0, 2.0, 4.0, 3.0]
    assert (hook.backfill_from, hook.backfill_series) == (None, None)
    assert hook.rows_sent == 5
    with pytest.raises(InvalidInput):
        forwarder_backfill(actor=operator, forwarder=hook, start=clock.now() + timedelta(days=1))


def test_a_backfill_goes_on_in_pages_where_it_was(add, receiver, arrive, operator, monkeypatch):
    monkeypatch.setattr(lanes, "ROWS_MOST", 1)
    kind = kinds()["webhook"]
    monkeypatch.setitem(kinds(), "webhook", type(kind)(**{
        name: getattr(kind, name) for name in kind.__slots__ if name not in {"secret_names", "rows_most"}
    }, rows_most=2))  # fmt: skip
    day = clock.now().timestamp() - 86_400
    arrive(1.0, 2.0, 3.0, since=day, name="a")
    arrive(4.0, 5.0, since=day, name="b")
    hook = add(url=receiver.url)
    forwarder_backfill(actor=operator, forwarder=hook, start=clock.from_seconds(day - 1))
    runs = 0
    while run(hook).backfill_from is not None:
        runs += 1
        assert runs < 10
    assert receiver.values() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert runs >= 2


def test_a_paused_one_sends_nothing_and_loses_nothing(hook, receiver, arrive, operator):
    forwarder_pause(actor=operator, forwarder=hook)
    arrive(1.0)
    assert lanes_run(seconds=0.1) == 0
    forwarder_resume(actor=operator, forwarder=hook)
    assert lanes_run(seconds=0.1) >= 1
    assert receiver.values() == [1.0]


def test_a_private_address_is_refused_unless_a_setting_allows_it(add, receiver, arrive, settings):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    with pytest.raises(InvalidInput, match="not on the public internet"):
        add(url=receiver.url)
    hook = add(url=f"http://localhost:{receiver.port}/")
    arrive(1.0)
    run(hook)
    assert "not on the public internet" in hook.answer
    assert receiver.seen == []


def test_redirects_are_not_followed(hook, receiver, arrive):
    receiver.answer = lambda *_: (302, None, {"Location": "/elsewhere"})
    arrive(1.0)
    run(hook)
    assert "redirect" in hook.answer
    assert [path for _method, path, *_rest in receiver.seen] == ["/hook"]
    assert hook.rows == 0


def test_an_organization_has_a_bounded_number(add, receiver, monkeypatch):
    monkeypatch.setattr("fleet.forward.services.FORWARDERS_MOST", 1)
    add(url=receiver.url)
    with pytest.raises(TooMany):
        add(url=receiver.url, name="One more")
    assert FORWARDERS_MOST == 20


def test_two_workers_of_ingest_at_once_and_every_row_arrives_once(hook, receiver, institute):
    """Batches of several workers interleave while the lane runs."""
    stations = [station_of(institute) for _ in range(3)]

    def work(station, first: int) -> None:
        pipeline = Pipeline()
        for number in range(15):
            pipeline.take([pack(station, float(first + number), since=clock.now().timestamp() - 1_000 + number)])
        connections.close_all()

    threads = [threading.Thread(target=work, args=(one, 100 * place)) for place, one in enumerate(stations)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        run(hook)
    run(hook)
    assert sorted(receiver.values()) == sorted(float(100 * place + n) for place in range(3) for n in range(15))
    assert counts(hook) == (45, 0, 0, 0)
