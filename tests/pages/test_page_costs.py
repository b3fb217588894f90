"""A small version of `bench pages`: pages take as many queries for a large fleet as for a small one."""

import pytest
from django.test import Client

from operations.bench.load.pages_fill import Size, fleet_fill
from operations.bench.pages import PAGES, page_measure

pytestmark = pytest.mark.django_db

#: Both have more than one page of everything.
SMALL = Size(stations=60, organizations=2, deployments=120, readings=1_200)
LARGE = Size(stations=240, organizations=8, deployments=960, readings=9_600)


@pytest.fixture
def measured(administrator):
    client = Client(headers={"accept-encoding": "gzip"})
    client.force_login(administrator)

    def measure(serials: list[str]) -> dict[str, dict]:
        return {name: page_measure(client, name, address, serials, requests=1) for name, address in PAGES.items()}

    return measure


def test_queries_and_weight_do_not_grow_with_the_fleet(measured):
    few = measured(fleet_fill(SMALL, word="few"))
    many = measured(fleet_fill(LARGE, word="many"))
    assert {name: run["queries"] for name, run in many.items()} == {name: run["queries"] for name, run in few.items()}
    assert {name: run["kilobytes"] for name, run in many.items() if run["kilobytes"] > 30} == {}
