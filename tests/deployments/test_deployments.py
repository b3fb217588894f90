"""Sites, and stations deployed there for a time: never at two places at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from people import SERVER, station_of

from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput
from fleet.deployments.models import Deployment
from fleet.deployments.selectors import deployment_current, deployment_list, site_list
from fleet.deployments.services import deployment_begin, deployment_end
from fleet.deployments.sites import site_create

pytestmark = pytest.mark.django_db


def test_a_station_that_is_moved_leaves_where_it_was(institute, operator, point, cut):
    station, moment = station_of(institute), clock.now()
    deployment_begin(station=station, site=point, actor=operator, at=moment - timedelta(days=9))
    deployment_begin(station=station, site=cut, actor=operator, at=moment - timedelta(days=2))
    assert deployment_current(station=station).site == cut
    assert deployment_current(station=station, moment=moment - timedelta(days=5)).site == point
    assert deployment_current(station=station, moment=moment - timedelta(days=30)) is None
    assert [d.site for d in deployment_list(station=station)] == [cut, point]


def test_a_station_that_was_taken_away_is_nowhere(institute, operator, point):
    station = station_of(institute)
    made = deployment_begin(station=station, site=point, actor=operator, at=clock.now() - timedelta(days=1))
    deployment_end(deployment=made, actor=operator)
    assert deployment_current(station=station) is None
    with pytest.raises(InvalidInput):
        deployment_end(deployment=made, actor=operator)


def test_a_station_cannot_be_put_before_a_place_it_went_to_later(institute, operator, point, cut):
    station, moment = station_of(institute), clock.now()
    deployment_begin(station=station, site=point, actor=operator, at=moment)
    with pytest.raises(InvalidInput, match="after that moment"):
        deployment_begin(station=station, site=cut, actor=operator, at=moment - timedelta(days=1))
    assert deployment_current(station=station).site == point


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Long Point"}, "name"),
        ({"name": "x", "latitude": 91.0, "longitude": 0.0}, "latitude"),
        ({"name": "x", "latitude": 0.0, "longitude": 181.0}, "longitude"),
        ({"name": "x", "latitude": float("nan"), "longitude": 0.0}, "latitude"),
        ({"name": "x", "latitude": 0.0}, "latitude"),
    ],
)
def test_a_site_that_cannot_be_is_refused_by_its_field(institute, point, fields, field):
    with pytest.raises(InvalidInput) as refused:
        site_create(organization=institute, actor=SERVER, **fields)
    assert refused.value.field == field


def test_strangers_and_viewers_move_nothing_and_sites_stay_at_home(institute, elsewhere, point, viewer, stranger):
    station = station_of(institute)
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            deployment_begin(station=station, site=point, actor=who)
        with pytest.raises(Forbidden):
            site_create(organization=institute, actor=who, name="Mine")
    foreign = site_create(organization=elsewhere, actor=SERVER, name="Foreign")
    with pytest.raises(InvalidInput):
        deployment_begin(station=station, site=foreign, actor=SERVER)
    assert list(site_list(viewer=viewer)) == [point]
    assert list(site_list(viewer=stranger)) == [foreign]


@pytest.mark.django_db(transaction=True)
def test_a_station_moved_by_several_at_once_is_at_one_place(institute):
    station, moment = station_of(institute), clock.now()
    sites = [site_create(organization=institute, actor=SERVER, name=f"Site {n}") for n in range(6)]

    def move(site) -> bool:
        try:
            deployment_begin(station=station, site=site, actor=SERVER, at=moment)
        except InvalidInput:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(move, sites)) == 1
    assert Deployment.objects.count() == 1
