"""Detections are forwarded as readings are: chosen, in order, once, with refused ones set aside, and in back-fills."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from forward.conftest import ago, counts, heard, pack, run
from people import station_of

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.deployments.models import Deployment, Site
from fleet.forward.kinds import kinds
from fleet.forward.models import ForwardNote, RefusedRow
from fleet.forward.services import RowChoice, forwarder_backfill, forwarder_refused_again
from fleet.ingest.pipeline import Pipeline

pytestmark = pytest.mark.django_db(transaction=True)
TAGS = RowChoice(is_clean=False, wants_readings=False, detections="tags")
EVERYTHING = RowChoice(is_clean=False, detections="all")


def rows_of(receiver) -> list[tuple]:
    """Type of the message, and value or tag or frequency, of each row in order of arrival."""
    return [
        (told["type"], row.get("value", row.get("tag", row.get("freq"))))
        for _method, _path, _headers, body in receiver.seen
        for told in [json.loads(body)]
        for row in told["data"]
    ]


def test_only_what_was_chosen_is_noted_and_sent(add, receiver, arrive, hear, station, institute):
    tags = add(url=f"{receiver.url}/tags", choice=TAGS)
    arrive(1.0)
    hear(pulses=[4.0])
    assert not ForwardNote.objects.exists()
    hear("61", "62", pulses=[4.5])
    run(tags)
    assert rows_of(receiver) == [("detections", "61"), ("detections", "62")]
    ((_method, _path, headers, body),) = receiver.seen
    row = json.loads(body)["data"][0]
    assert (row["station"], row["kind"], row["port"], row["line"]) == (station.serial, "tag", 3, 7)
    assert row["id"].startswith(f"{station.pk}-")
    assert row["id"].endswith("-3-2-7")
    assert headers["webhook-id"].startswith("msg_")
    assert counts(tags) == (2, 0, 0, 0)
    receiver.seen.clear()
    whole = add(url=f"{receiver.url}/all", name="All", choice=EVERYTHING)
    few = add(
        url=f"{receiver.url}/few",
        name="Few",
        choice=RowChoice(reach="stations", serials=[station_of(institute).serial], detections="all"),
    )
    hear("63", pulses=[5.0, 6.0])
    arrive(2.0)
    run(whole)
    # Readings first, then detections by their moments.
    assert rows_of(receiver)[0] == ("readings", 2.0)
    assert sorted(rows_of(receiver)[1:], key=str) == [("detections", "63"), ("detections", 5.0), ("detections", 6.0)]
    assert counts(whole) == (4, 0, 0, 0)
    assert counts(run(few)) == (0, 0, 4, 0)
    assert few.kept_back_why == {"choice": 4}
    assert counts(run(tags)) == (3, 0, 0, 0)


def test_pages_go_on_where_they_were_also_over_stations_and_hours(add, receiver, pipeline, institute, monkeypatch):
    kind = kinds()["webhook"]
    names = [name for name in kind.__slots__ if name not in {"secret_names", "rows_most"}]
    small = type(kind)(**{name: getattr(kind, name) for name in names}, rows_most=2)
    monkeypatch.setitem(kinds(), "webhook", small)
    hook = add(url=receiver.url, choice=EVERYTHING)
    stations = [station_of(institute) for _ in range(2)]
    since = clock.now().timestamp() // 3_600 * 3_600 - 3_602
    batch = [pack(stations[0], 1.0, 2.0, 3.0), pack(stations[1], 4.0)]
    for one in stations:
        batch += heard(one, ["a", "b", "c", "d", "e"], [1.0], since=since)
    assert pipeline.take(batch).quarantined == 0
    # One page is sent, then the receiver is away for the next: no row is sent twice or passed over.
    answers = iter([204, 503])
    receiver.answer = lambda *_: next(answers, 204)
    run(hook)
    assert hook.failures == 1
    refused = len(receiver.seen[-1][3])
    assert refused
    run(hook)
    told = [row for row in rows_of(receiver) if row[0] == "detections"]
    assert (len(told), counts(hook)) == (12, (16, 0, 0, 0))
    assert run(hook).rows == 16
    assert hook.row_detection is None


def test_a_refused_detection_is_set_aside_and_sent_again(add, receiver, hear, operator):
    hook = add(url=receiver.url, choice=TAGS)
    receiver.answer = lambda _m, _p, _q, _h, body: (422, {"error": "tag 13 is unlucky"}) if b'"13"' in body else 204
    hear("11", "12", "13", "14")
    run(hook)
    assert counts(hook) == (3, 0, 0, 1)
    (refused,) = RefusedRow.objects.all()
    assert (refused.line, refused.series_id, refused.serial != "") == (9, None, True)
    assert "unlucky" in refused.reason
    run(hook)
    assert forwarder_refused_again(actor=operator, forwarder=hook) == 1
    assert counts(run(hook)) == (3, 0, 0, 1)
    receiver.answer = lambda *_: 204
    forwarder_refused_again(actor=operator, forwarder=hook)
    assert counts(run(hook)) == (4, 0, 0, 0)
    assert not RefusedRow.objects.exists()


def test_a_backfill_sends_readings_and_then_detections(add, receiver, arrive, hear, operator):
    day = clock.now().timestamp() - 86_400
    arrive(1.0, since=day)
    hear("61", pulses=[4.0], since=day)
    hook = add(url=receiver.url, choice=EVERYTHING)
    forwarder_backfill(actor=operator, forwarder=hook, start=clock.from_seconds(day - 1))
    run(hook)
    assert sorted(rows_of(receiver), key=str) == [("detections", "61"), ("detections", 4.0), ("readings", 1.0)]
    assert (hook.backfill_from, hook.backfill_detection, counts(hook)) == (None, None, (3, 0, 0, 0))


def test_places_and_doubt_hold_for_detections_too(add, receiver, hear, station, institute):
    site = Site.objects.create(organization=institute, name="Old Cut", latitude=42.58, longitude=-80.4)
    placed = Deployment.objects.create(
        station=station, site=site, period=(ago(days=30), None), is_public=True, location="blurred",
        blur_radius_m=20_000.0,
    )  # fmt: skip
    choice = RowChoice(reach="public", wants_readings=False, detections="tags")
    hook = add(url=receiver.url, choice=choice)
    hear("61")
    hear("62", of=station_of(institute))
    hear("63", since=10.0**9)
    run(hook)
    ((_method, _path, _headers, body),) = receiver.seen
    (row,) = json.loads(body)["data"]
    assert (row["tag"], row["station"], row["radius_m"]) == ("61", str(placed.public_id), 20_000.0)
    assert station.serial not in body.decode()
    assert (counts(hook), hook.kept_back_why) == ((1, 0, 2, 0), {"place": 1, "doubt": 1})


def test_influxdb_keeps_two_detections_of_one_moment_apart(add, receiver, pipeline, station):
    influx = add("influxdb", url=receiver.url, bucket="field", org="", token="", measurement="", choice=EVERYTHING)
    at = clock.now().timestamp() // 1 - 5
    both = [one for line in (7, 8) for one in heard(station, pulses=[4.0], since=at, line=line)]
    assert pipeline.take(both).quarantined == 0
    run(influx)
    ((_method, path, _headers, body),) = receiver.seen
    assert "precision=ns" in path
    lines = body.decode().split("\n")
    head = f"roost_detections,kind=pulse,port=3,station={station.serial}"
    moment = round(at * 1e9)
    assert lines == [f"{head} line=7.0,freq=4.0 {moment + 7}", f"{head} line=8.0,freq=4.0 {moment + 8}"]


def test_a_kind_that_cannot_tell_detections_refuses_them(add, receiver):
    for name in ("sensorthings", "stadtpuls"):
        assert kinds()[name].send_detections is None
    with pytest.raises(InvalidInput, match="readings only") as refused:
        add("sensorthings", url=receiver.url, choice=EVERYTHING)
    assert refused.value.field == "detections"
    with pytest.raises(InvalidInput, match="or both"):
        add(url=receiver.url, choice=RowChoice(wants_readings=False))


def test_ingest_asks_one_query_more_at_most(add, receiver, station):
    def costs(since: float) -> list[int]:
        found = []
        for make in (
            lambda at: [pack(station, 1.0, since=at)],
            lambda at: heard(station, ["61"], [4.0], since=at),
        ):
            pipeline = Pipeline()
            # For its first batch, the pipeline also reads the rows that it then remembers.
            assert pipeline.take(make(since)).quarantined == 0
            with CaptureQueriesContext(connection) as asked:
                assert pipeline.take(make(since + 2.0)).quarantined == 0
            found.append(len(asked))
        return found

    now = clock.now().timestamp()
    before = costs(now - 100.0)
    add(url=receiver.url, choice=EVERYTHING)
    after = costs(now - 50.0)
    assert all(later <= earlier + 1 for earlier, later in zip(before, after, strict=True)), (before, after)
    assert ForwardNote.objects.count() == 4
