"""A station's place: who sees it, and how exactly; rooms, antennas, and corrected times."""

import math
from datetime import timedelta

import pytest
from people import SERVER, station_of

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.places import PlaceShown, place_shown
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.selectors import (
    deployment_get,
    deployment_public_get,
    deployments_public,
    room_get,
    site_get,
    site_list,
)
from fleet.deployments.services import deployment_begin, deployment_delete, deployment_update
from fleet.deployments.sites import room_create, room_update, site_create, site_delete, site_update
from fleet.organizations.access import Viewer

pytestmark = pytest.mark.django_db

NOBODY = Viewer(user=None, name="", roles={})


@pytest.fixture
def deployed(institute, operator, point):
    return deployment_begin(
        station=station_of(institute), site=point, actor=operator, at=clock.now() - timedelta(days=3)
    )


def shown(viewer, deployment):
    return place_shown(viewer=viewer, deployment=deployment, moment=clock.now())


def metres(first, second):
    north = (first[0] - second[0]) * 111_320
    east = (first[1] - second[1]) * 111_320 * math.cos(math.radians(first[0]))
    return math.hypot(north, east)


def test_a_private_place_is_known_to_members_only(deployed, viewer, stranger):
    assert shown(viewer, deployed) == PlaceShown(42.5812, -80.3934)
    for other in (stranger, NOBODY):
        assert (shown(other, deployed).latitude, shown(other, deployed).longitude) == (None, None)
    assert not deployments_public()
    with pytest.raises(NotFound):
        deployment_public_get(public_id=deployed.public_id)


@pytest.mark.parametrize("radius", [100.0, 1_000.0, 25_000.0, 200_000.0])
@pytest.mark.parametrize("place", [(42.5812, -80.3934), (-0.001, 179.9999), (78.2, 15.6), (-51.7, -57.9)])
def test_a_blurred_point_is_within_its_radius_and_hardly_ever_moves(deployed, operator, point, radius, place):
    site_update(site=point, actor=operator, latitude=place[0], longitude=place[1])
    published = deployment_publish(
        deployment=deployed, actor=operator, is_public=True, location="blurred", blur_radius_m=radius
    )
    told = shown(NOBODY, deployment_public_get(public_id=published.public_id))
    distance = metres(place, (told.latitude, told.longitude))
    around = metres(place, (told.latitude, told.longitude - math.copysign(360, told.longitude)))
    assert min(distance, around) <= radius
    assert told.radius_m == radius
    # Saving the site again slightly off, as everybody does, publishes the same point or the next cell's, never the
    # place.
    points = set()
    for step in range(40):
        site_update(site=point, actor=operator, latitude=place[0] + step * 1e-6, longitude=place[1])
        again = shown(NOBODY, deployment_public_get(public_id=published.public_id))
        points.add((again.latitude, again.longitude))
    assert len(points) <= 2


def test_blurred_points_are_not_the_middle_of_their_places(institute, operator):
    """Over many sites, the true place is anywhere in the circle, so the circle's centre is not a better guess."""
    offsets = []
    for number in range(60):
        site = site_create(
            organization=institute, actor=SERVER, name=f"S{number}", latitude=40 + number / 7, longitude=number / 3
        )
        made = deployment_begin(station=station_of(institute), site=site, actor=operator)
        deployment_publish(deployment=made, actor=operator, is_public=True, location="blurred", blur_radius_m=5_000)
        told = shown(NOBODY, deployment_public_get(public_id=made.public_id))
        offsets.append(metres((site.latitude, site.longitude), (told.latitude, told.longitude)) / 5_000)
    assert sum(offset > 0.3 for offset in offsets) > 30
    assert max(offsets) <= 1


def test_a_withheld_place_is_told_from_its_date_on(deployed, operator, stranger):
    def publish(until):
        deployment_publish(
            deployment=deployed, actor=operator, is_public=True, location="withheld", withheld_until=until
        )
        return shown(stranger, deployment_public_get(public_id=deployed.public_id))

    assert publish(None).latitude is None
    later = publish(clock.now() + timedelta(days=30))
    assert (later.latitude, later.sentence[:9]) == (None, "Its place")
    assert publish(clock.now() - timedelta(seconds=1)).latitude == 42.5812


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("location", {"location": "somewhere"}),
        ("blur_radius_m", {"location": "blurred"}),
        ("blur_radius_m", {"location": "blurred", "blur_radius_m": 5.0}),
        ("blur_radius_m", {"location": "blurred", "blur_radius_m": float("nan")}),
    ],
)
def test_what_cannot_be_published_says_why(deployed, operator, viewer, field, wrong):
    with pytest.raises(InvalidInput) as refused:
        deployment_publish(deployment=deployed, actor=operator, is_public=True, **wrong)
    assert refused.value.field == field
    with pytest.raises(Forbidden):
        deployment_publish(deployment=deployed, actor=viewer, is_public=True)


def test_antennas_go_along_when_a_station_moves(deployed, operator, cut):
    said = [AntennaSaid(1, "9-element Yagi", 90.0, 12.0, 166.38, "LMR-400 8 m", 42.0), AntennaSaid(2, "omni")]
    antennas_set(deployment=deployed, actor=operator, antennas=said)
    moved = deployment_begin(station=deployed.station, site=cut, actor=operator)
    assert [(a.port, a.type, a.bearing_deg, a.cable, a.beam_width_deg) for a in moved.antennas.order_by("port")] == [
        (1, "9-element Yagi", 90.0, "LMR-400 8 m", 42.0),
        (2, "omni", None, "", None),
    ]
    assert deployed.antennas.count() == 2


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("antennas.0.port", [AntennaSaid(100)]),
        ("antennas.1.port", [AntennaSaid(1), AntennaSaid(1)]),
        ("antennas.0.bearing_deg", [AntennaSaid(1, bearing_deg=360.0)]),
        ("antennas.0.height_m", [AntennaSaid(1, height_m=-1.0)]),
        ("antennas.0.frequency_mhz", [AntennaSaid(1, frequency_mhz=0.0)]),
        ("antennas.0.beam_width_deg", [AntennaSaid(1, beam_width_deg=361.0)]),
        ("antennas.0.polarization", [AntennaSaid(1, polarization="sideways")]),
        ("antennas.0.type", [AntennaSaid(1, type="x" * 61)]),
        ("antennas.0.cable", [AntennaSaid(1, cable="x" * 61)]),
        ("antennas", [AntennaSaid(n) for n in range(41)]),
    ],
)
def test_an_antenna_that_cannot_be_says_where(deployed, operator, field, wrong):
    with pytest.raises(InvalidInput) as refused:
        antennas_set(deployment=deployed, actor=operator, antennas=wrong)
    assert refused.value.field == field


def test_times_are_set_right_but_never_over_another_deployment(deployed, operator, cut):
    moved = deployment_begin(station=deployed.station, site=cut, actor=operator, at=clock.now() - timedelta(days=1))
    first = deployment_get(viewer=operator, deployment_id=deployed.pk)
    with pytest.raises(InvalidInput, match="the station was at Old Cut"):
        deployment_update(deployment=first, actor=operator, end=clock.now())
    first = deployment_get(viewer=operator, deployment_id=deployed.pk)
    with pytest.raises(InvalidInput) as refused:
        deployment_update(deployment=first, actor=operator, start=first.period.upper)
    assert refused.value.field == "end"
    first = deployment_get(viewer=operator, deployment_id=deployed.pk)
    deployment_update(deployment=first, actor=operator, start=first.period.lower - timedelta(days=9))
    deployment_delete(deployment=moved, actor=operator)
    deployment_update(deployment=first, actor=operator, end=None)
    assert first.period.upper is None


def test_a_deployment_with_coordinates_of_its_own_stays_when_its_site_moves(deployed, operator, point, viewer):
    deployment_update(deployment=deployed, actor=operator, latitude=42.6, longitude=-80.4)
    site_update(site=point, actor=operator, latitude=10.0, longitude=10.0)
    assert shown(viewer, deployment_get(viewer=viewer, deployment_id=deployed.pk)) == PlaceShown(42.6, -80.4)
    with pytest.raises(InvalidInput):
        deployment_update(deployment=deployed, actor=operator, latitude=None)


def test_rooms_belong_to_their_site(deployed, operator, point, cut, stranger):
    room = room_create(site=point, actor=operator, name="Attic", size_sqm=20.5, height_m=2.1, occupancy=3)
    deployment_update(deployment=deployed, actor=operator, room=room)
    other = room_create(site=cut, actor=operator, name="Attic")
    with pytest.raises(InvalidInput):
        deployment_update(deployment=deployed, actor=operator, room=other)
    with pytest.raises(InvalidInput, match="already"):
        room_create(site=cut, actor=operator, name="ATTIC")
    with pytest.raises(InvalidInput) as refused:
        room_update(room=room, actor=operator, size_sqm=0)
    assert refused.value.field == "size_sqm"
    with pytest.raises(NotFound):
        room_get(viewer=stranger, room_id=room.pk)


def test_a_site_where_a_station_stood_is_not_deleted(deployed, operator, point, cut, stranger):
    with pytest.raises(Conflict):
        site_delete(site=point, actor=operator)
    site_delete(site=cut, actor=operator)
    assert [(site.name, site.stations_now) for site in site_list(viewer=operator)] == [("Long Point", 1)]
    with pytest.raises(NotFound):
        site_get(viewer=stranger, site_id=point.pk)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("timezone", {"timezone": "Mars/Olympus"}),
        ("elevation_m", {"elevation_m": 9_001.0}),
        ("postal_code", {"postal_code": "x" * 21}),
        ("latitude", {"longitude": None}),
        ("name", {"name": "Old Cut"}),
    ],
)
def test_a_site_that_cannot_be_says_where(point, cut, operator, field, wrong):
    with pytest.raises(InvalidInput) as refused:
        site_update(site=point, actor=operator, **wrong)
    assert refused.value.field == field
