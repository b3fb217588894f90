"""Events are sentences: every name that we know has words, every field is told, routine ones are folded."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from people import station_of

from fleet.core import clock
from fleet.telemetry.models import StationEvent
from sg_status.event_words.registry import KINDS, WORDS, names_of
from sg_status.event_words.rows import event_rows, event_shown

NOON = datetime(2026, 10, 14, 12, 30, tzinfo=UTC)
#: Odd values that any station may send under any name.
ODD = {"a": {"b": [1, {"c": None}]}, "n": float("1e308"), "flag": True, "none": None, "text": "x" * 5_000}


def event(name, data=None, *, back=0, port=None, line=0) -> StationEvent:
    at = NOON - timedelta(minutes=back)
    return StationEvent(
        name=name, data={} if data is None else data, port=port, line=line, occurred_at=at, received_at=at
    )


def said(name, data, **fields) -> str:
    shown = event_shown(event(name, data, **fields), NOON)
    return f"{shown.sentence} {shown.rest}".strip()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("clock", {"digits": 2, "step": 0.0}, "Clock checked, within 0.01\u00a0s."),
        ("clock", {"digits": 6, "step": 8.6e-7}, "Clock checked, within 1\u00a0µs."),
        ("clock", {"digits": -1, "step": 0}, "Clock checked: no time source keeps it right."),
        ("clock", {"digits": 0, "step": 90.0}, "Clock moved by 1 min, now within 1\u00a0s."),
        ("clock_step", {"before": 946684800, "after": NOON.timestamp(), "step_s": 8e8}, "Its clock was set forward by"),
        ("clock_jump", {"before_s": 0.2, "after_s": -7200.0}, "it was 0.2\u00a0s ahead, now it is 2 h behind."),
        ("clock_wrong", {"offset_s": 8e8, "shows": 946684800.0}, "Its clock says 1 Jan 2000"),
        ("setting", {"param": "frequency", "value": 166.376, "error_code": 0, "error": ""}, "frequency set to 166.38."),
        (
            "setting",
            {"param": "gain", "value": 9, "error_code": -2, "error": "busy"},
            "Setting gain to 9 failed: busy.",
        ),
        ("filter", {"duration_s": 3600, "pulses": 1200, "used": 300, "bursts": 12}, "Heard 1\u202f200 pulses in 1 h"),
        ("unparsed", {"text": "p3,x"}, "could not be read: “p3,x”."),
        ("file_gone", {"file": "a.txt", "bytes_unread": 2048}, "a.txt disappeared; 2.0 kB of it had not been read."),
        ("rows_left_out", {"rows": "detections", "count": 3, "reason": "same key"}, "3 rows were left out (detections"),
        ("pulses_counted_late", {"hour": NOON.timestamp(), "port": 3, "pulses": 7}, "7 pulses of the hour from"),
        ("login_kept", {"why": "The server refused."}, "It keeps its old login: The server refused."),
        ("radio_stalled", {"seconds": 30}, "radio stalled seconds: 30"),
    ],
)
def test_an_event_is_a_sentence(name, data, words):
    assert words in said(name, data)


def test_a_port_is_named_first():
    assert said("filter", {"pulses": 1}, port=3).startswith("Port 3: Heard")


@pytest.mark.parametrize("name", [*WORDS, "never_heard_of", "<script>"])
def test_no_field_is_left_out_and_no_value_breaks_the_page(name):
    told = said(name, {**ODD, "battery_cells": 6})
    assert "battery cells: 6" in told or "battery_cells: 6" in told
    assert "flag: yes" in told
    assert said(name, {})
    assert said(name, {"digits": "x", "step": [], "pulses": None, "hour": 1e300, "shows": "y", "count": float("inf")})
    for data in ([], "text", 5, None):
        assert event_shown(event(name, data), NOON).sentence


def test_every_kind_of_the_filter_has_events_and_every_event_a_kind():
    assert {words.kind for words in WORDS.values()} == {*KINDS} - {"other"}
    assert all(names_of(kind) for kind in KINDS if kind != "other")


def test_routine_events_in_a_row_are_one_row_with_the_worst_of_them():
    checks = [event("clock", {"digits": 2 if number else 1, "step": 0}, back=number) for number in range(18)]
    rows = event_rows([*checks, event("clock_step", {"step_s": 5}, back=30), *checks[:2]], NOON)
    assert [row.sentence for row in rows[:1]] == ["18 clock checks, within 0.1\u00a0s"]
    assert len(rows[0].events) == 18
    assert len(rows) == 4, "two events are not worth folding"


def test_what_failed_is_not_folded_with_what_worked():
    fine = {"param": "gain", "value": 1, "error_code": 0, "error": ""}
    several = [event("setting", fine, back=number) for number in range(3)]
    failed = event("setting", {**fine, "error_code": 5, "error": "no"}, back=4)
    rows = event_rows([*several, failed, *several], NOON)
    assert [row.sentence for row in rows] == [
        "3 settings applied",
        "Setting gain to 1 failed: no.",
        "3 settings applied",
    ]


@pytest.fixture
def station(institute):
    station = station_of(institute, state="on_time")
    moment = clock.now()
    for number in range(230):
        at = moment - timedelta(seconds=number)
        StationEvent.objects.create(
            station=station, name="clock", data={"digits": 2, "step": 0}, line=number, occurred_at=at, received_at=at
        )
    for name in ("file_gone", "radio_stalled"):
        StationEvent.objects.create(
            station=station, name=name, data={"file": "a"}, line=1, occurred_at=moment, received_at=moment
        )
    return station


@pytest.mark.django_db
def test_the_page_filters_by_kind_and_pages_through_all(browse, viewer, station):
    client = browse(viewer)
    address = f"/stations/{station.serial}/events/"
    seen, page = 0, client.get(address)
    while True:
        seen += sum(len(row.events) for row in page.context["rows"])
        if not page.context["older"]:
            break
        page = client.get(address, {"before": page.context["older"]})
    assert seen == 232
    files = client.get(address, {"kind": "files"}).content.decode()
    assert "disappeared" in files
    assert "clock check" not in files
    assert re.search(r'<a [^>]*aria-current="true"[^>]*>Files</a>', files)
    other = client.get(address, {"kind": "other"}).content.decode()
    assert "radio stalled" in other
    assert "disappeared" not in other
    assert "No events of this kind." in client.get(address, {"kind": "station"}).content.decode()
    assert client.get(address, {"kind": "nonsense"}).context["kind"] == ""


@pytest.mark.django_db
def test_a_fold_says_the_exact_time_of_each(browse, viewer, station):
    page = browse(viewer).get(f"/stations/{station.serial}/events/?kind=clock").content.decode()
    assert "clock checks, within 0.01\u00a0s" in page
    assert page.count("<time datetime=") >= 200
