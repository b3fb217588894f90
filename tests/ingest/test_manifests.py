"""Manifests of stations: each file as it was told last, what is gone, the sums, and what has no room."""

import time

import pytest

from fleet.core import clock
from fleet.holdings.models import HeldFile, StationHolding
from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.stages import manifests

pytestmark = pytest.mark.django_db

NOW = time.time()


def held(path, letter="a", **more):
    return {"path": path, "size": 100, "modified": NOW - 86_400, "sha256": letter * 64, **more}


@pytest.fixture
def said(delivery, station):
    numbers = iter(range(1, 1_000))

    def make(*files, at=NOW, stream="live", seq=None, listing=1, **more):
        body = {"at": at, "files": list(files), "listing": listing, "held": 7, "held_bytes": 700, **more}
        return delivery(station.serial, "manifest", body, stream=stream, seq=seq or next(numbers))

    return make


def files(station):
    return {
        file.path: "gone" if file.is_gone else file.sha256[0]
        for file in HeldFile.objects.filter(station=station)
    }  # fmt: skip


def test_a_manifest_is_kept_with_its_sums(pipeline, station, said):
    lines = {"pulse": 20, "position": 1}
    told = said(
        held("2026-05-01/a.txt", first=1_777_593_600, last=1_777_597_200, lines=lines), held("K\\xfchn.txt", "b"),
        waiting=2, waiting_bytes=50, left={"no_data": 3}, network="mobile", is_listed=True,
    )  # fmt: skip
    assert pipeline.take([told]).stored == 1
    file = HeldFile.objects.get(path="2026-05-01/a.txt")
    assert (file.octets, file.sha256, file.lines, file.is_gone) == (100, "a" * 64, lines, False)
    assert (file.first_at.timestamp(), file.last_at.timestamp()) == (1_777_593_600, 1_777_597_200)
    sums = StationHolding.objects.get(station=station)
    assert (sums.held, sums.held_octets, sums.waiting, sums.waiting_octets) == (7, 700, 2, 50)
    assert (sums.left, sums.network, sums.refused) == ({"no_data": 3}, "mobile", 0)
    assert sums.listed_at is not None
    # The same message once more changes nothing.
    before = HeldFile.objects.values().get(path="2026-05-01/a.txt")
    pipeline.take([told])
    assert HeldFile.objects.values().get(path="2026-05-01/a.txt") == before


def test_a_file_is_as_it_was_told_last_whatever_the_order_and_the_clock(pipeline, station, said):
    pipeline.take([said(held("x", "b"), seq=9, at=NOW - 3_600), said(held("x", "a"), seq=8)])
    assert files(station) == {"x": "b"}
    pipeline.take([said(held("x", "c"), seq=7, at=NOW + 60)])
    assert files(station) == {"x": "b"}
    # Another stream, as of a new outbox: the later time counts, unless the older one was ahead of ours.
    pipeline.take([said(held("x", "d"), stream="new", seq=1, at=NOW - 7_200)])
    assert files(station) == {"x": "b"}
    pipeline.take([said(held("x", "e"), stream="ahead", seq=1, at=2_303_000_000.0)])
    pipeline.take([said(held("x", "f"), stream="new", seq=2, at=NOW)])
    assert files(station) == {"x": "f"}


def test_gone_back_and_growing_files(pipeline, station, said):
    pipeline.take([said(held("x"), held("y"))])
    pipeline.take(
        [said({"path": "x", "is_gone": True}, {"path": "y", "is_growing": True}, {"path": "z", "is_gone": True})]
    )
    assert files(station) == {"x": "gone", "y": "a"}
    pipeline.take([said(held("x", "b"))])
    assert files(station) == {"x": "b", "y": "a"}


def test_what_a_listing_does_not_name_is_gone_and_a_late_part_brings_it_back(pipeline, station, said):
    pipeline.take([said(held("x"), held("y"), held("z"), is_listed=True)])
    pipeline.take([said(held("x", "b"), listing=2, seq=20)])
    assert files(station) == {"x": "b", "y": "a", "z": "a"}
    pipeline.take([said({"path": "y", "is_growing": True}, listing=2, seq=22, is_listed=True)])
    assert files(station) == {"x": "b", "y": "a", "z": "gone"}
    pipeline.take([said(held("z"), listing=2, seq=21)])
    assert files(station) == {"x": "b", "y": "a", "z": "a"}
    # A new outbox begins to count again: what it does not name is gone as well.
    pipeline.take([said(held("x"), stream="new", seq=1, listing=1, is_listed=True, at=NOW + 10)])
    assert files(station) == {"x": "a", "y": "gone", "z": "gone"}


def test_a_station_with_too_many_files_is_told_how_many_are_left_out(pipeline, station, said, monkeypatch):
    monkeypatch.setattr(manifests, "HELD_MOST", 3)
    assert pipeline.take([said(*(held(str(number)) for number in range(5)))]).stored == 1
    assert len(files(station)) == 3
    assert StationHolding.objects.get(station=station).refused == 2
    # Known ones still change.
    pipeline.take([said(held("0", "b"), held("9"))])
    assert files(station)["0"] == "b"
    assert StationHolding.objects.get(station=station).refused == 3
    # The next listing begins to count again.
    pipeline.take([said(held("0", "b"), listing=2, is_listed=True)])
    assert StationHolding.objects.get(station=station).refused == 0


def test_a_desk_has_no_manifest_and_a_wrong_hash_costs_its_message(pipeline, station, said):
    message = said(held("x"))
    pipeline.take([Delivery(f"up.{station.serial}", "manifest", message.properties, message.body)])
    pipeline.take([said(held("y", sha256="A" * 64))])
    assert files(station) == {}
    reasons = sorted(QuarantinedMessage.objects.values_list("reason", flat=True))
    assert len(reasons) == 2
    assert "bad-fields" in reasons


def test_the_end_of_an_upload_is_that_of_the_content_it_names(pipeline, station, said):
    pipeline.take([said(held("x"), held("y", "b"))])
    HeldFile.objects.update(asked_until=clock.now(), wanted_at=clock.now())
    ended = {"path": "x", "sha256": "a" * 64, "end": "refused", "reason": "The quota is full.", "sent": 7}
    stray = {"path": "y", "sha256": "c" * 64, "end": "stored"}
    assert pipeline.take([said(uploads=[ended, stray])]).stored == 1
    x, y = HeldFile.objects.get(path="x"), HeldFile.objects.get(path="y")
    assert (x.end, x.end_reason, x.asked_until, x.octets_sent) == ("refused", "The quota is full.", None, 7)
    assert x.wanted_at is not None
    assert (y.end, y.asked_until is None) == ("", False)
    # Stored, a person's wish is fulfilled; another content knows nothing of it.
    pipeline.take([said(uploads=[{**ended, "end": "stored", "sent": 3}])])
    x.refresh_from_db()
    assert (x.end, x.wanted_at, x.octets_sent) == ("stored", None, 10)
    pipeline.take([said(held("x", "d"))])
    x.refresh_from_db()
    assert (x.sha256[0], x.end, x.end_reason) == ("d", "", "")


def test_files_that_are_gone_make_room_for_new_ones(pipeline, station, said, monkeypatch):
    monkeypatch.setattr(manifests, "HELD_MOST", 3)
    pipeline.take([said(held("a"), held("b"), held("c"))])
    pipeline.take([said({"path": "b", "is_gone": True})])
    pipeline.take([said(held("d"), held("e"))])
    assert set(files(station)) == {"a", "c", "d"}
    assert StationHolding.objects.get(station=station).refused == 1
