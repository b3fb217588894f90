"""Sites, rooms, deployments and public places, as programs see them."""

import io
from datetime import timedelta

import pytest
from api_asking import problem_of
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from people import station_of
from PIL import Image

from fleet.core import clock
from fleet.deployments.models import Deployment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


def send(asker, method, address, body=None):
    return getattr(asker.client, method)(f"/api/v1/{address}", body, content_type="application/json")


@pytest.fixture
def site(writer, institute):
    told = {"organization": "institute", "name": "Long Point", "latitude": 42.581237, "longitude": -80.393489}
    return writer.post("sites", told).json()


@pytest.fixture
def deployment(writer, station, site):
    told = {"station": station.serial, "site": site["id"], "at": (clock.now() - timedelta(days=3)).isoformat()}
    answer = writer.post("deployments", told)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_sites_and_rooms_are_made_changed_and_deleted(writer, reader, site):
    changed = send(writer, "patch", f"sites/{site['id']}", {"timezone": "America/Toronto", "postal_code": "N0E 1M0"})
    assert (changed.json()["timezone"], changed.json()["name"]) == ("America/Toronto", "Long Point")
    problem_of(send(writer, "patch", f"sites/{site['id']}", {"timezone": "Moon"}), 400, "timezone")
    room = writer.post("rooms", {"site": site["id"], "name": "Attic", "height_m": 2.2}).json()
    assert send(writer, "patch", f"rooms/{room['id']}", {"occupancy": 3}).json()["height_m"] == 2.2
    assert [row["name"] for row in reader.get("rooms", site=site["id"]).json()["results"]] == ["Attic"]
    problem_of(send(reader, "delete", f"sites/{site['id']}"), 403)
    assert send(writer, "delete", f"rooms/{room['id']}").status_code == 204
    assert send(writer, "delete", f"sites/{site['id']}").status_code == 204
    problem_of(reader.get(f"sites/{site['id']}"), 404)


def test_photos_of_a_deployment_are_sent_listed_shown_and_removed(writer, reader, foreigner, station, deployment):
    raw = io.BytesIO()
    Image.new("RGB", (60, 30), "green").save(raw, "PNG")
    address = f"/api/v1/deployments/{deployment['id']}/photos"

    def told():
        return {"photo": SimpleUploadedFile("mast.png", raw.getvalue()), "caption": "Mast"}

    problem_of(reader.client.post(address, told()), 403)
    problem_of(foreigner.client.post(address, told()), 404)
    made = writer.client.post(address, told()).json()
    assert (made["deployment"], made["is_public"]) == (deployment["id"], False)
    assert reader.client.get(address).json()["results"] == [made]
    problem_of(foreigner.client.get(address), 404)
    one = f"stations/{station.serial}/photos/{made['name']}"
    problem_of(send(reader, "patch", one, {"is_public": True}), 403)
    problem_of(send(foreigner, "patch", one, {"is_public": True}), 404)
    problem_of(send(writer, "patch", one, {}), 400, "is_public")
    assert send(writer, "patch", one, {"is_public": True}).json()["is_public"]
    assert send(writer, "delete", one).status_code == 204
    assert reader.client.get(address).json()["results"] == []


def test_a_station_is_deployed_moved_and_its_record_set_right(institute, writer, reader, station, site, deployment):
    antennas = [{"port": 1, "type": "Yagi 9", "bearing_deg": 90.0, "height_m": 12.0, "frequency_mhz": 166.38}]
    antennas[0] |= {"cable": "LMR-400 8 m", "beam_width_deg": 42.0, "polarization": "horizontal"}
    changed = send(writer, "patch", f"deployments/{deployment['id']}", {"antennas": antennas, "description": "roof"})
    assert (changed.json()["antennas"], changed.json()["description"]) == (antennas, "roof")
    wrong = send(writer, "patch", f"deployments/{deployment['id']}", {"antennas": [{"port": 1, "bearing_deg": 400}]})
    problem_of(wrong, 400, "antennas.0.bearing_deg")
    other = writer.post("sites", {"organization": "institute", "name": "Old Cut"}).json()
    moved = writer.post("deployments", {"station": station.serial, "site": other["id"]}).json()
    assert moved["antennas"] == antennas
    problem_of(send(writer, "patch", f"deployments/{deployment['id']}", {"end": None}), 400, "start")
    found = reader.get("deployments", station=station.serial).json()["results"]
    assert [row["site_name"] for row in found] == ["Old Cut", "Long Point"]
    then = (clock.now() - timedelta(days=1)).isoformat()
    assert [row["id"] for row in reader.get("deployments", at=then).json()["results"]] == [deployment["id"]]
    problem_of(send(writer, "delete", f"sites/{site['id']}"), 409)


def test_everybody_reads_a_blurred_place_and_never_the_true_one(writer, reader, station, deployment):
    nobody = Client()
    assert nobody.get("/api/v1/public/deployments").json()["results"] == []
    wrong = send(
        writer, "put", f"deployments/{deployment['id']}/publication", {"is_public": True, "location": "blurred"}
    )
    problem_of(wrong, 400, "blur_radius_m")
    told = {"is_public": True, "location": "blurred", "blur_radius_m": 5_000}
    assert send(writer, "put", f"deployments/{deployment['id']}/publication", told).status_code == 200
    one = nobody.get(f"/api/v1/public/deployments/{deployment['public_id']}")
    for answer in (nobody.get("/api/v1/public/deployments"), one, reader.get("public/deployments")):
        text = answer.content.decode()
        assert "Long Point" in text
        for kept in ("42.5812", "80.3934", station.serial, "by boat"):
            assert kept not in text
    assert one.json()["radius_m"] == 5_000
    assert reader.get(f"deployments/{deployment['id']}").json()["latitude"] == 42.581237
    problem_of(nobody.get("/api/v1/public/deployments/00000000-0000-4000-8000-000000000000"), 404)


def test_of_another_organization_nothing_can_be_used(elsewhere, institute, writer, site):
    foreign = station_of(elsewhere)
    problem_of(writer.post("deployments", {"station": foreign.serial, "site": site["id"]}), 404)
    problem_of(writer.post("sites", {"organization": "elsewhere", "name": "X"}), 404)
    assert not Deployment.objects.exists()
