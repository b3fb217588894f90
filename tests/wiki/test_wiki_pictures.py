"""Pictures on pages: only those of the page's organization, and for everybody only photos that are public already."""

import io

import pytest
from django.test import Client
from files.tus_asking import Tus
from people import SERVER, key_of, station_of
from PIL import Image

from fleet.core import clock
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.files.models import FileRevision
from fleet.files.photos import photo_add, photo_publish
from fleet.wiki.pictures import pictures_find, pictures_public
from fleet.wiki.services import PageAsked, page_create

pytestmark = pytest.mark.django_db


def picture(colour: str) -> io.BytesIO:
    raw = io.BytesIO()
    Image.new("RGB", (60, 30), colour).save(raw, "JPEG")
    return raw


def stored(organization, station, path: str, octets: bytes) -> FileRevision:
    assert Tus(f"Bearer {key_of(organization, write=True)}").upload(octets, path, station=station.serial) == "stored"
    return FileRevision.objects.latest("pk")


def test_only_pictures_of_the_organization_are_found(institute, elsewhere):
    here, there = station_of(institute), station_of(elsewhere)
    old = stored(institute, here, "2026-05-01/trap.jpg", picture("red").getvalue())
    new = stored(institute, here, "2026-05-01/trap.jpg", picture("blue").getvalue())
    text = stored(institute, here, "notes.txt", b"no picture")
    theirs = stored(elsewhere, there, "a.jpg", picture("green").getvalue())
    photo, photo_there = (photo_add(actor=SERVER, station=one, upload=picture("white")) for one in (here, there))
    path = f"files/{here.serial}/2026-05-01/trap.jpg"
    wanted = {
        f"files/{old.pk}": old,
        path: new,
        path.replace(here.serial, here.serial.lower()): new,
        f"photos/{photo.name}": photo,
    }
    others = [f"files/{text.pk}", f"files/{theirs.pk}", f"files/{there.serial}/a.jpg", f"photos/{photo_there.name}",
              "files/x", "https://x.example/a.png", ""]  # fmt: skip
    assert pictures_find(organization=institute, names=[*wanted, *others]) == wanted
    # A picture goes with its station.
    type(here).objects.filter(pk=here.pk).update(organization=elsewhere)
    assert pictures_find(organization=institute, names=list(wanted)) == {}


def test_outsiders_see_only_photos_that_are_public_already(institute, operator):
    station = station_of(institute)
    site = site_create(actor=operator, organization=institute, name="Wood", latitude=44.0, longitude=-64.0)
    deployment = deployment_begin(actor=operator, station=station, site=site, at=clock.now())
    shown = photo_add(actor=operator, station=station, upload=picture("red"), deployment=deployment)
    kept = photo_add(actor=operator, station=station, upload=picture("blue"), deployment=deployment)
    file = stored(institute, station, "trap.jpg", picture("green").getvalue())
    photo_publish(actor=operator, photo=shown, is_public=True)
    names = [f"photos/{shown.name}", f"photos/{kept.name}", f"files/{file.pk}"]

    def publish(location: str) -> None:
        told = {"is_public": True, "blur_radius_m": 5_000.0, "withheld_until": None, "is_serial_public": False}
        deployment_publish(deployment=deployment, actor=operator, location=location, **told)

    def public() -> list[str]:
        return list(pictures_public(organization=institute, names=names, moment=clock.now()))

    assert public() == []
    publish("blurred")
    assert public() == []
    publish("exact")
    assert public() == names[:1]
    text = " ".join(f"![{n}]({name})" for n, name in enumerate(names))
    page = page_create(actor=operator, organization=institute, asked=PageAsked(title="P", text=text, is_public=True))
    members, nobody = Client(), Client()
    members.force_login(operator.user)
    inside = members.get(f"/organizations/institute/pages/{page.slug}/").content.decode()
    assert inside.count("<img") == 3
    assert f"Outsiders do not see these pictures: {names[1]}, {names[2]}." in inside
    outside = nobody.get(f"/public/organizations/institute/{page.slug}/").content.decode()
    assert outside.count("<img") == 1
    deployment.refresh_from_db()
    address = f"/public/deployments/{deployment.public_id}/photos/{shown.name}/small.jpg"
    assert f'src="{address}"' in outside
    assert nobody.get(address)["Content-Type"] == "image/jpeg"
    assert "A picture that is not shown here: 1" in outside
    assert kept.name not in outside
