"""The completeness report over the API: page by page, one's own stations only."""

import pytest
from api_asking import problem_of
from people import station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.core import clock
from fleet.telemetry.models import StreamLedger

pytestmark = pytest.mark.django_db


def test_the_figures_of_a_station(reader, station):
    moment = clock.now()
    StreamLedger.objects.create(
        station=station, stream="a", received=Multirange([Range(1, 4)]), oldest_seq=5, next_seq=7,
        first_at=moment, last_at=moment,
    )  # fmt: skip
    (told,) = reader.get("completeness").json()["results"]
    assert (told["serial"], told["name"], told["expected"], told["received"]) == (station.serial, "Old Cut", 6, 3)
    assert (told["percent"], told["on_station"], told["lost"], told["branches_open"]) == (50.0, 2, 1, 0)


def test_pages_follow_each_other(reader, institute, django_assert_max_num_queries):
    made = [station_of(institute).serial for _ in range(7)]
    seen, address = [], "/api/v1/completeness?limit=3"
    while address:
        with django_assert_max_num_queries(4):
            answer = reader.client.get(address).json()
        seen += [one["serial"] for one in answer["results"]]
        address = answer["next"]
    assert seen == made
    found = reader.get("completeness", search=made[3]).json()["results"]
    assert [one["serial"] for one in found] == [made[3]]
    assert reader.get("completeness", organization="other").json()["results"] == []


def test_wrong_questions_are_told(reader):
    problem_of(reader.get("completeness", cursor="nonsense"), 400, "cursor")
    problem_of(reader.get("completeness", limit=501), 400, "limit")
    problem_of(reader.get("completeness", sort="lost"), 400, "sort")


def test_another_organization_s_stations_are_not_there(foreigner, station):
    assert foreigner.get("completeness").json() == {"results": [], "next": None}
    assert foreigner.get("completeness", search=station.serial).json()["results"] == []
