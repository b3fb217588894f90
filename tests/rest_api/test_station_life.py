"""Retiring, moving, offering, rotating and deleting a station over the API, with its notes and photos."""

import io

import pytest
from api_asking import Asker, problem_of
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from people import Role, key_of, person
from PIL import Image

from fleet.commands.models import Command
from fleet.stations.models import Station, StationNote

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def owned(institute, elsewhere) -> Client:
    """A client of a person who owns both organizations, with a session."""
    client = Client(raise_request_exception=False)
    client.force_login(person("both", (institute, Role.OWNER), (elsewhere, Role.OWNER)))
    return client


def send(client: Client, address: str, body: object):
    return client.post(f"/api/v1/{address}", body, content_type="application/json")


def test_notes_are_written_listed_and_removed_by_an_owner(station, reader, writer, foreigner, owned):
    address = f"stations/{station.serial}/notes"
    made = writer.post(address, {"text": "The mast leans.", "at": "2026-05-01T10:00:00Z"})
    assert made.status_code == 201
    assert made.json()["written_by"] == "key test"
    listed = reader.get(address).json()
    assert [note["text"] for note in listed["results"]] == ["The mast leans."]
    problem_of(reader.post(address, {"text": "x"}), 403)
    problem_of(foreigner.get(address), 404)
    problem_of(writer.post(address, {"text": ""}), 400, "text")
    number = made.json()["id"]
    problem_of(writer.client.delete(f"/api/v1/{address}/{number}"), 403)
    assert owned.delete(f"/api/v1/{address}/{number}").status_code == 204
    assert not StationNote.objects.exists()


def test_photos_are_sent_fetched_and_removed(station, reader, writer, foreigner):
    raw = io.BytesIO()
    Image.new("RGB", (60, 30), "green").save(raw, "PNG")
    address = f"/api/v1/stations/{station.serial}/photos"
    told = {"photo": SimpleUploadedFile("mast.png", raw.getvalue()), "caption": "Mast"}
    made = writer.client.post(address, told)
    assert made.status_code == 201, made.content
    name = made.json()["name"]
    picture = reader.client.get(f"{address}/{name}")
    assert picture["Content-Type"] == "image/jpeg"
    assert b"".join(picture.streaming_content).startswith(b"\xff\xd8")
    assert reader.client.get(address).json()["results"][0]["caption"] == "Mast"
    problem_of(foreigner.client.get(f"{address}/{name}"), 404)
    broken = {"photo": SimpleUploadedFile("mast.png", b"<svg/>")}
    problem_of(writer.client.post(address, broken), 400, "photo")
    problem_of(reader.client.delete(f"{address}/{name}"), 403)
    assert writer.client.delete(f"{address}/{name}").status_code == 204


def test_a_station_is_rotated_and_retired_and_its_serial_is_free(station, writer, institute):
    rotated = writer.post(f"stations/{station.serial}/rotate", None)
    assert rotated.status_code == 202
    assert str(Command.objects.get().id) == rotated.json()["command"]
    retired = writer.post(f"stations/{station.serial}/retire", None)
    assert retired.json()["state"] == "retired"
    problem_of(writer.post(f"stations/{station.serial}/rotate", None), 409)
    again = writer.post("stations", {"serial": station.serial, "organization": institute.slug})
    assert again.status_code == 201
    assert sorted(Station.objects.values_list("serial", flat=True)) == [station.serial, f"{station.serial}~1"]


def test_a_station_moves_for_whoever_acts_on_both_sides(station, writer, owned, elsewhere):
    address = f"stations/{station.serial}/move"
    problem_of(writer.post(address, {"organization": elsewhere.slug}), 404)
    problem_of(send(owned, address, {"organization": elsewhere.slug, "history": "burns"}), 400, "history")
    moved = send(owned, address, {"organization": elsewhere.slug, "history": "stays"})
    assert (moved.status_code, moved.json()["organization"]) == (200, elsewhere.slug)


def test_an_offer_is_taken_once(station, writer, foreigner, reader, elsewhere):
    problem_of(reader.post(f"stations/{station.serial}/offer", {}), 403)
    code = writer.post(f"stations/{station.serial}/offer", {"history": "goes"}).json()["code"]
    taken = foreigner.post("transfers", {"code": code, "organization": elsewhere.slug})
    assert taken.json()["organization"] == elsewhere.slug
    problem_of(foreigner.post("transfers", {"code": code, "organization": elsewhere.slug}), 404)
    problem_of(writer.client.delete(f"/api/v1/stations/{station.serial}/offer"), 404)


def test_deleting_takes_an_owner_and_the_serial(station, writer, owned, institute):
    address = f"stations/{station.serial}/delete"
    problem_of(writer.post(address, {"serial": station.serial}), 403)
    problem_of(send(owned, address, {"serial": "another"}), 400, "serial")
    assert send(owned, address, {"serial": station.serial}).status_code == 202
    problem_of(Asker(key_of(institute)).get(f"stations/{station.serial}"), 404)
