"""Sites, rooms, deployments and what is public of them, as programs see them."""

from datetime import timedelta

import pytest
from api_asking import problem_of
from django.test import Client
from people import station_of

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


def test_a_station_is_deployed_moved_and_its_record_set_right(institute, writer, reader, station, site, deployment):
    antennas = [{"port": 1, "type": "Yagi 9", "bearing_deg": 90.0, "height_m": 12.0, "frequency_mhz": 166.38}]
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
