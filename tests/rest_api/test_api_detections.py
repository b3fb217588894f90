"""Detections: filters, and pages that neither skip nor repeat rows."""

from datetime import timedelta

import pytest
from api_asking import problem_of
from telemetry.cold_heard import heard_fill
from telemetry.cold_months import FEBRUARY, MARCH

from fleet.telemetry.cold.services import cold_run
from fleet.telemetry.models import Detection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

RANGE = {"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T13:00:00Z"}


@pytest.fixture
def where(station, detections) -> str:
    return f"stations/{station.serial}/detections"


def test_pulses_and_tags_come_in_the_order_of_their_time(reader, where):
    body = reader.get(where, **RANGE).json()
    assert len(body["results"]) == 40
    assert body["next"] is None
    times = [row["occurred_at"] for row in body["results"]]
    assert times == sorted(times)
    pulse, tag = body["results"][0], body["results"][3]
    assert (pulse["kind"], pulse["port"], pulse["freq"], pulse["tag"]) == ("pulse", 1, 4.0, None)
    assert (tag["kind"], tag["port"], tag["rssi"], tag["tag"]) == ("tag", 2, -75.0, "78660")


@pytest.mark.parametrize("limit", [1, 7, 39, 40])
def test_following_next_gives_every_detection_once(reader, where, detections, limit):
    body = reader.get(where, **RANGE, limit=limit).json()
    seen = list(body["results"])
    while body["next"]:
        body = reader.client.get(body["next"]).json()
        assert 0 < len(body["results"]) <= limit
        seen += body["results"]
    assert len(seen) == len(detections)
    whole = reader.get(where, **RANGE).json()["results"]
    assert seen == whole


def test_filters_narrow_and_go_on_over_pages(reader, where):
    assert len(reader.get(where, **RANGE, kind="tag").json()["results"]) == 10
    assert len(reader.get(where, **RANGE, port=1).json()["results"]) == 30
    assert [r["tag"] for r in reader.get(where, **RANGE, tag="78664").json()["results"]] == ["78664"]
    first = reader.get(where, **RANGE, kind="pulse", limit=20).json()
    second = reader.client.get(first["next"]).json()
    assert {r["kind"] for r in first["results"] + second["results"]} == {"pulse"}
    assert len(second["results"]) == 10


def test_a_tag_is_found_in_capitals_and_without(reader, where, station, detections):
    Detection.objects.filter(station=station, tag="78664").update(tag="78664c3304")
    for asked in ("78664c3304", "78664C3304"):
        assert [r["tag"] for r in reader.get(where, **RANGE, tag=asked).json()["results"]] == ["78664c3304"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"kind": "noise"}, "kind"),
        ({"port": "x"}, "port"),
        ({"port": "99999"}, "port"),
        ({"tag": "x" * 65}, "tag"),
        ({"limit": "5001"}, "limit"),
        ({"cursor": "WyIyMDI2LTExLTIwVDEyOjAwOjAwKzAwOjAwIiwgMV0"}, "cursor"),
        ({"cursor": "WyIyMDI2LTExLTIwVDEyOjAwOjAwKzAwOjAwIiwgMSwgMSwgIngiXQ"}, "cursor"),
        ({"cursor": "WyIyMDI2LTExLTIwVDEyOjAwOjAwKzAwOjAwIiwgMSwgMSwgOTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ"}, "cursor"),
        ({"from": "2027-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
    ],
)
def test_a_wrong_question_is_refused_by_its_field(reader, where, query, field):
    problem_of(reader.get(where, **query), 400, field)


def test_cold_detections_are_listed_and_downloaded_as_before_and_the_answer_says_so(
    reader, where, station, settings, tmp_path
):
    settings.MEDIA_ROOT, settings.ROOST_COLD_AFTER_MONTHS = tmp_path, 3
    heard_fill(station, start=FEBRUARY, end=FEBRUARY + timedelta(days=2))
    # No station sends it, and JSON has no word for it.
    Detection.objects.filter(station=station, sig=float("nan")).update(sig=None)
    asked = {"from": "2026-02-01T00:00:00Z", "to": "2026-02-03T00:00:00Z"}
    hot, file = reader.get(where, **asked).json(), reader.get(f"{where}.csv", **asked)
    rows = b"".join(file.streaming_content)
    assert (hot["is_cold"], len(hot["results"])) == (False, 144)
    assert cold_run()["Institute"].rows == 144
    assert not Detection.objects.filter(station=station, occurred_at__lt=MARCH).exists()
    assert reader.get(where, **asked).json() == {**hot, "is_cold": True}
    assert b"".join(reader.get(f"{where}.csv", **asked).streaming_content) == rows
    first = reader.get(where, **asked, limit=100, kind="pulse").json()
    second = reader.client.get(first["next"]).json()
    assert first["results"] + second["results"] == [row for row in hot["results"] if row["kind"] == "pulse"]
    assert reader.get(where, **RANGE).json()["is_cold"] is False
