"""Public photos of deployments: only those marked public, only where the place is published exactly, and only the
picture.
"""

import io
from datetime import timedelta

import pytest
from django.test import Client
from people import SERVER, station_of
from PIL import Image

from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.core.models import AuditEntry
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.selectors import deployment_public_get, deployments_public
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.files.models import Photo
from fleet.files.photos import photo_add, photo_publish
from fleet.files.photos_public import photo_public_find, photos_public
from fleet.lifecycle.move_station import station_move

pytestmark = pytest.mark.django_db


def picture() -> io.BytesIO:
    """A picture that contains where it was taken, by whom, and with what camera."""
    exif = Image.Exif()
    exif[0x010F] = "Camera of Jane Doe"
    exif.get_ifd(0x8825)[2] = (42.0, 34.0, 52.45)
    raw = io.BytesIO()
    Image.new("RGB", (60, 30), "green").save(raw, "JPEG", exif=exif, comment=b"at 42.581237")
    return raw


@pytest.fixture
def deployed(institute, operator):
    site = site_create(
        organization=institute, actor=SERVER, name="Long Point", latitude=42.581237, longitude=-80.393489
    )
    return deployment_begin(
        station=station_of(institute), site=site, actor=operator, at=clock.now() - timedelta(days=3)
    )


@pytest.fixture
def photo(deployed, operator):
    return photo_add(
        actor=operator, station=deployed.station, upload=picture(), caption="The mast", deployment=deployed
    )


def publish(deployment, operator, **how):
    deployment_publish(deployment=deployment, actor=operator, is_public=True, **how)


def shown(deployment) -> list[Photo]:
    """Photos that everybody sees; list, pictures and pages must agree."""
    moment = clock.now()
    listed = photos_public(deployments=list(deployments_public()), moment=moment)[deployment.pk]
    client, base = Client(), f"public/deployments/{deployment.public_id}"
    page, rows = client.get(f"/{base}/"), client.get(f"/api/v1/{base}/photos")
    for photo in Photo.objects.filter(deployment=deployment):
        is_shown = photo in listed
        assert (photo.name in page.content.decode()) == is_shown
        expected = 200 if is_shown else 404
        assert client.get(f"/{base}/photos/{photo.name}/whole.jpg").status_code == expected
        assert client.get(f"/{base}/photos/{photo.name}/small.jpg").status_code == expected
        assert client.get(f"/api/v1/{base}/photos/{photo.name}").status_code == expected
    if rows.status_code == 200:
        assert [row["name"] for row in rows.json()["results"]] == [each.name for each in listed]
    return listed


def test_a_photo_is_for_members_until_it_is_marked(deployed, photo, operator):
    assert shown(deployed) == []
    publish(deployed, operator)
    assert shown(deployed) == []
    photo_publish(actor=operator, photo=photo, is_public=True)
    assert shown(deployed) == [photo]
    photo_publish(actor=operator, photo=photo, is_public=False)
    assert shown(deployed) == []
    assert AuditEntry.objects.filter(action__in=["photo.publish", "photo.hide"]).count() == 2


@pytest.mark.parametrize(
    ("how", "is_shown"),
    [
        ({"location": "exact"}, True),
        ({"location": "blurred", "blur_radius_m": 5_000.0}, False),
        ({"location": "withheld"}, False),
        ({"location": "withheld", "withheld_until": clock.now() + timedelta(days=9)}, False),
        ({"location": "withheld", "withheld_until": clock.now() - timedelta(days=9)}, True),
    ],
)
def test_a_photo_of_a_place_that_is_not_told_is_not_shown(deployed, photo, operator, how, is_shown):
    photo_publish(actor=operator, photo=photo, is_public=True)
    publish(deployed, operator, **how)
    assert shown(deployed) == ([photo] if is_shown else [])


def test_what_everybody_gets_is_the_picture_and_not_where_it_was_taken(deployed, photo, operator):
    publish(deployed, operator)
    photo_publish(actor=operator, photo=photo, is_public=True)
    assert b"Jane" in picture().getvalue()
    for size in ("whole", "small"):
        answer = Client().get(f"/public/deployments/{deployed.public_id}/photos/{photo.name}/{size}.jpg")
        octets = b"".join(answer.streaming_content)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert b"Exif" not in octets
        assert b"Jane" not in octets
        assert b"42.58" not in octets
        with Image.open(io.BytesIO(octets)) as opened:
            assert dict(opened.getexif()) == {}
            assert "comment" not in opened.info


def test_a_photo_is_found_by_its_own_deployment_only(deployed, photo, institute, operator):
    photo_publish(actor=operator, photo=photo, is_public=True)
    other = deployment_begin(station=station_of(institute), site=deployed.site, actor=operator)
    publish(other, operator)
    publish(deployed, operator)
    with pytest.raises(NotFound):
        photo_public_find(
            public_id=deployment_public_get(public_id=other.public_id).public_id, name=photo.name, moment=clock.now()
        )
    answer = Client().get(f"/public/deployments/{other.public_id}/photos/{photo.name}/whole.jpg")
    assert answer.status_code == 404


def test_who_may_not_change_a_station_shows_none_of_its_photos(deployed, photo, operator, viewer, stranger):
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            photo_publish(actor=who, photo=photo, is_public=True)
    device = photo_add(actor=operator, station=deployed.station, upload=picture())
    with pytest.raises(InvalidInput) as refused:
        photo_publish(actor=operator, photo=device, is_public=True)
    assert refused.value.field == "is_public"
    assert not Photo.objects.filter(is_public=True).exists()


def test_what_one_organization_showed_is_not_another_s_to_show(deployed, photo, operator, elsewhere):
    photo_publish(actor=operator, photo=photo, is_public=True)
    station_move(actor=SERVER, station=deployed.station, organization=elsewhere, history="goes")
    photo.refresh_from_db()
    assert (photo.deployment_id, photo.is_public) == (deployed.pk, False)


def test_photos_of_many_public_places_are_one_query(deployed, photo, institute, operator, django_assert_num_queries):
    for _ in range(4):
        other = deployment_begin(station=station_of(institute), site=deployed.site, actor=operator)
        publish(other, operator)
    publish(deployed, operator)
    found = list(deployments_public())
    with django_assert_num_queries(1):
        photos_public(deployments=found, moment=clock.now())
