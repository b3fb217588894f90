"""GPS history over the API: filters, and pages that neither skip nor repeat rows."""

from datetime import timedelta

import pytest
from api_asking import NOON, problem_of

from fleet.telemetry.models import Position

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

RANGE = {"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T13:00:00Z"}


@pytest.fixture
def where(station) -> str:
    """Twenty moments, each in the files `all` and `ctt`; every fifth has no fix."""
    Position.objects.bulk_create(
        Position(
            station=station,
            occurred_at=NOON + timedelta(minutes=n),
            line=n,
            source=source,
            received_at=NOON,
            latitude=None if n % 5 == 4 else 44.0 + n,
            longitude=None if n % 5 == 4 else -64.0,
        )
        for n in range(20)
        for source in ("all", "ctt")
    )
    return f"stations/{station.serial}/positions"


@pytest.mark.parametrize("limit", [1, 7, 39, 40])
def test_following_next_gives_every_position_once(reader, where, limit):
    whole = reader.get(where, **RANGE).json()["results"]
    assert len(whole) == 40
    body = reader.get(where, **RANGE, limit=limit).json()
    seen = list(body["results"])
    while body["next"]:
        body = reader.client.get(body["next"]).json()
        seen += body["results"]
    assert seen == whole


def test_tries_without_a_fix_are_asked_for_or_left_out(reader, where):
    assert {row["latitude"] for row in reader.get(where, **RANGE, has_fix="false").json()["results"]} == {None}
    assert len(reader.get(where, **RANGE, has_fix="false").json()["results"]) == 8
    assert len(reader.get(where, **RANGE, has_fix="true").json()["results"]) == 32


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"has_fix": "perhaps"}, "has_fix"),
        ({"limit": "5001"}, "limit"),
        ({"cursor": "WyIyMDI2LTExLTIwVDEyOjAwOjAwKzAwOjAwIiwgMV0"}, "cursor"),
        ({"cursor": "WyIyMDI2LTExLTIwVDEyOjAwOjAwKzAwOjAwIiwgMSwgMV0"}, "cursor"),
        ({"from": "2027-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
    ],
)
def test_a_wrong_question_is_refused_by_its_field(reader, where, query, field):
    problem_of(reader.get(where, **query), 400, field)


def test_a_stranger_finds_no_station(foreigner, where):
    assert foreigner.get(where, **RANGE).status_code == 404
