"""Which tags were heard: how often, when, where; in pages, in any order, and never at stations that were not asked about."""

from datetime import UTC, datetime, timedelta

import pytest
from people import station_of

from fleet.core.errors import InvalidInput
from fleet.telemetry.heard import tags
from fleet.telemetry.heard.question import HOUR, HeardQuestion, parts_of
from fleet.telemetry.heard.tags import port_list, station_rows, tag_list, tag_parts, tag_span, tags_in_parts
from fleet.telemetry.models import TagHour

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def hear(station, tag, *, back=0, port=1, count=5, strongest=-70.0):
    """Detections of a tag in the hour so many hours before noon: the first at a quarter past, the last at half past."""
    hour = NOON - back * HOUR
    return TagHour.objects.create(
        station=station, hour=hour, port=port, tag=tag, count=count, strongest=strongest,
        first_at=hour + HOUR / 4, last_at=hour + HOUR / 2,
    )  # fmt: skip


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def other(institute):
    return station_of(institute)


def asked(*stations, **more):
    return HeardQuestion([s.pk for s in stations], NOON - DAY, NOON + HOUR, **more)


def names(found):
    return [row.tag for row in found.rows]


def test_a_tag_has_its_sum_its_ports_its_stations_and_when_it_was_first_heard_at_all(station, other):
    hear(station, "A", back=1)
    hear(station, "A", back=3, port=2, count=7, strongest=-40.0)
    hear(other, "A", back=2, strongest=None)
    hear(station, "A", back=24 * 9)
    found = tag_list(question=asked(station, other))
    (row,) = found.rows
    assert (row.count, row.ports, row.stations, row.strongest) == (17, [1, 2], 2, -40.0)
    assert row.last_at == NOON - HOUR / 2
    assert row.ever == NOON - 9 * DAY + HOUR / 4
    assert (found.tags, found.once, found.detections, found.new) == (1, 0, 17, 0)


def test_upper_and_lower_case_are_one_tag(station):
    hear(station, "78664c33")
    hear(station, "78664C33", back=1)
    found = tag_list(question=asked(station))
    assert [(row.name, row.count) for row in found.rows] == [("78664C33", 10)]
    assert tag_list(question=asked(station, tag="78664c33")).detections == 10


def test_a_code_heard_once_is_counted_apart_and_listed_on_request(station):
    hear(station, "A")
    hear(station, "NOISE", count=1)
    hear(station, "TWICE", count=1)
    hear(station, "TWICE", back=2, count=1)
    found = tag_list(question=asked(station))
    assert (names(found), found.tags, found.once) == (["A", "TWICE"], 2, 1)
    assert sorted(names(tag_list(question=asked(station), least=1))) == ["A", "NOISE", "TWICE"]


def test_new_is_who_was_not_heard_before_the_period(station):
    hear(station, "OLD")
    hear(station, "OLD", back=24 * 30)
    hear(station, "NEW")
    # A clock that was not set says nothing about an earlier time.
    TagHour.objects.create(
        station=station, hour=datetime(2000, 1, 1, tzinfo=UTC), port=1, tag="NEW", count=3,
        first_at=datetime(2000, 1, 1, tzinfo=UTC), last_at=datetime(2000, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    found = tag_list(question=asked(station))
    assert found.new == 1
    assert {row.tag: row.ever for row in found.rows}["NEW"] == NOON + HOUR / 4


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("tag", "ABC"),
        ("-tag", "CBA"),
        ("last", "ACB"),
        ("-last", "BCA"),
        ("first", "CAB"),
        ("-detections", "CBA"),
        ("-strongest", "BAC"),
        ("-stations", "ABC"),
    ],
)
def test_tags_come_in_the_order_that_is_asked_for(station, sort, order):
    hear(station, "A", back=5, count=2, strongest=-60.0)
    hear(station, "B", back=1, count=3, strongest=-50.0)
    hear(station, "C", back=3, count=9, strongest=None)
    hear(station, "C", back=24 * 5)
    assert "".join(names(tag_list(question=asked(station), sort=sort))) == order


def test_pages_follow_each_other_without_a_gap_or_a_repeat(station):
    for number in range(12):
        hear(station, f"T{number:02}", back=number % 3)
    seen = [names(tag_list(question=asked(station), limit=5, offset=at)) for at in (0, 5, 10, 15)]
    assert [len(part) for part in seen] == [5, 5, 2, 0]
    assert sorted(name for part in seen for name in part) == [f"T{number:02}" for number in range(12)]
    assert tag_list(question=asked(station), limit=5, offset=15).tags == 12


def test_port_tag_and_station_narrow_it(station, other):
    hear(station, "A")
    hear(station, "B", port=2)
    hear(other, "C")
    assert names(tag_list(question=asked(station, port=2))) == ["B"]
    assert names(tag_list(question=asked(station, tag="a"))) == ["A"]
    assert sorted(names(tag_list(question=asked(station)))) == ["A", "B"]
    assert names(tag_list(question=asked())) == []
    assert port_list(question=asked(station)) == [1, 2]


def test_too_many_are_refused_in_a_sentence(station, monkeypatch):
    hear(station, "A")
    hear(station, "B")
    monkeypatch.setattr(tags, "HOURS_MOST", 1)
    with pytest.raises(InvalidInput, match="Choose a shorter one"):
        tag_list(question=asked(station))
    with pytest.raises(InvalidInput):
        station_rows(question=asked(station))


def test_stations_have_their_tags_hours_and_ports_in_the_order_in_which_they_heard_one(station, other):
    hear(station, "A", back=1)
    hear(station, "A", back=1, port=3)
    hear(station, "B", back=2)
    hear(station, "NOISE", count=1)
    hear(other, "A", back=6)
    rows, count = station_rows(question=asked(station, other), sort="first")
    assert count == 2
    assert [(row.station_id, row.tags, row.count, row.hours, row.ports) for row in rows] == [
        (other.pk, 1, 5, 1, [1]),
        (station.pk, 2, 16, 3, [1, 3]),
    ]


def test_parts_hold_each_hour_once_and_the_sum_of_all(station):
    for back in range(24):
        hear(station, "A", back=back, count=back + 1)
        hear(station, f"T{back}", back=back, count=1)
    parts = parts_of(NOON - DAY + HOUR, NOON + HOUR, most=8)
    assert (parts.step, parts.count) == (3 * HOUR, 8)
    counted = tag_parts(question=asked(station), parts=parts, by="tag", among=["A"])
    assert sum(counted["A"]) == sum(range(1, 25))
    assert counted["A"][-1] == 1 + 2 + 3
    assert tags_in_parts(question=asked(station), parts=parts) == [1] * 8
    assert tags_in_parts(question=asked(station), parts=parts, least=1) == [4] * 8


def test_the_span_of_a_tag_leaves_out_times_that_cannot_be(station, other):
    hear(station, "a", back=3)
    hear(station, "A", back=1)
    hear(other, "A", back=50)
    hear(station, "A", back=-999)
    wrong = datetime(2000, 1, 1, tzinfo=UTC)
    TagHour.objects.create(station=station, hour=wrong, port=1, tag="A", count=1, first_at=wrong, last_at=wrong)
    found = tag_span(station_ids=[station.pk], tag="a", until=NOON + HOUR)
    assert found is not None
    assert found[:2] == (NOON - 3 * HOUR + HOUR / 4, NOON - HOUR / 2)
    assert tag_span(station_ids=[], tag="A", until=NOON) is None
    assert tag_span(station_ids=[station.pk], tag="none", until=NOON) is None
