"""Notes, photos, moving, offering and deleting a station on the site."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pages.busy_stations import EVIL
from people import Role, person, station_of
from PIL import Image

from fleet.core import clock
from fleet.core.spoken import day_words
from fleet.files.models import Photo
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Organization
from fleet.stations.models import Station, StationNote, StationTransfer
from fleet.stations.notes import note_add

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def station(institute) -> Station:
    return station_of(institute, name="Old Cut")


@pytest.fixture
def both(institute, elsewhere):
    return viewer_of_user(person("both", (institute, Role.OPERATOR), (elsewhere, Role.OPERATOR)))


def picture() -> SimpleUploadedFile:
    raw = io.BytesIO()
    Image.new("RGB", (60, 30), "green").save(raw, "JPEG")
    return SimpleUploadedFile("../../mast.jpg", raw.getvalue(), "text/html")


def test_a_note_is_written_shown_and_removed_by_its_author(browse, operator, viewer, owner, station):
    address = f"/stations/{station.serial}/notes/"
    assert browse(viewer).post(address, {"text": "No."}).status_code == 403
    client = browse(operator)
    assert client.post(address, {"text": f"{EVIL}\nThe mast leans.", "at": "2026-05-01T10:00"}).status_code == 302
    page = browse(viewer).get(address).content.decode()
    assert "The mast leans." in page
    assert EVIL not in page
    assert "2026-05-01" in page
    assert "Remove this note" not in page
    other = note_add(actor=owner, station=station, text="The owner's.")
    client.post(f"{address}{other.pk}/remove/")
    assert StationNote.objects.filter(pk=other.pk).exists()
    first = StationNote.objects.exclude(pk=other.pk).get()
    client.post(f"{address}{first.pk}/remove/")
    assert not StationNote.objects.filter(pk=first.pk).exists()


@pytest.mark.parametrize(("told", "field"), [({"text": " "}, "text"), ({"text": "x", "at": "2999-01-01T00:00"}, "at")])
def test_a_note_that_cannot_be_is_refused_at_its_field(browse, operator, station, told, field):
    page = browse(operator).post(f"/stations/{station.serial}/notes/", told).content.decode()
    assert re.search(rf'<p class="err" id="id_{field}_error0?"', page)
    assert re.search(rf'id="id_{field}"[^>]*aria-invalid="true"|aria-invalid="true"[^>]*id="id_{field}"', page)
    assert not StationNote.objects.exists()


def test_a_photo_is_shown_to_members_only_and_as_nothing_but_a_picture(browse, operator, viewer, stranger, station):
    client, address = browse(operator), f"/stations/{station.serial}/notes/"
    assert client.post(f"{address}photos/", {"photo": picture(), "caption": EVIL}).status_code == 302
    photo = Photo.objects.get()
    page = browse(viewer).get(address).content.decode()
    assert f'src="/photos/{photo.name}/small.jpg"' in page
    assert EVIL not in page
    for size in ("whole", "small"):
        answer = browse(viewer).get(f"/photos/{photo.name}/{size}.jpg")
        assert answer["Content-Type"] == "image/jpeg"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert b"".join(answer.streaming_content).startswith(b"\xff\xd8")
        assert browse(stranger).get(f"/photos/{photo.name}/{size}.jpg").status_code == 404
    assert browse(viewer).post(f"/photos/{photo.name}/remove/").status_code == 403
    assert client.post(f"/photos/{photo.name}/remove/").status_code == 302
    assert not Photo.objects.exists()


def test_what_is_no_photo_is_refused_at_its_field(browse, operator, station):
    upload = SimpleUploadedFile("x.jpg", b"<script>alert(1)</script>", "image/jpeg")
    page = browse(operator).post(f"/stations/{station.serial}/notes/photos/", {"photo": upload}).content.decode()
    assert "photo cannot be read" in page


def test_the_notes_page_asks_no_more_for_more_notes_and_photos(browse, operator, station, queries_of):
    address, client = f"/stations/{station.serial}/notes/", browse(operator)
    note_add(actor=operator, station=station, text="One.")
    one = queries_of(client, address)
    for number in range(15):
        note_add(actor=operator, station=station, text=str(number))
        Photo.objects.create(station=station, name=f"{number:032x}", width=1, height=1, octets=1, added_at=clock.now())
    assert queries_of(client, address) == one


def test_a_station_moves_to_another_organization_of_ones_own(browse, both, station, elsewhere, institute):
    address, client = f"/stations/{station.serial}/settings/move/", browse(both)
    assert elsewhere.name in client.get(address).content.decode()
    foreign = Organization.objects.create(name="Foreign", slug="foreign", created_at=clock.now())
    refused = client.post(address, {"organization": foreign.pk, "history": "stays"})
    assert Station.objects.get().organization == institute
    assert refused.status_code == 200
    answer = client.post(address, {"organization": elsewhere.pk, "history": "stays"})
    assert answer["Location"] == f"/stations/{station.serial}/"
    assert Station.objects.get(serial=station.serial).organization == elsewhere
    old = client.get(f"/stations/{station.serial}~1/")
    assert f"{station.serial} (until {day_words(clock.now())})" in old.content.decode()


def test_an_offered_station_is_taken_with_its_code(browse, operator, viewer, stranger, station, elsewhere):
    move = f"/stations/{station.serial}/settings/move/"
    assert browse(viewer).get(move).status_code == 403
    page = browse(operator).post(f"/stations/{station.serial}/settings/offer/", {"history": "stays"}).content.decode()
    code = re.search(r"<code>([0-9a-f]{32})</code>", page)[1]
    assert code not in browse(operator).get(move).content.decode()
    assert code not in str(StationTransfer.objects.values())
    client = browse(stranger)
    wrong = client.post("/transfers/", {"code": "0" * 32}).content.decode()
    assert "does not work" in wrong
    assert station.serial in client.post("/transfers/", {"code": code}).content.decode()
    client.post("/transfers/", {"code": code, "organization": elsewhere.pk})
    assert Station.objects.get(serial=station.serial).organization == elsewhere


def test_an_offer_is_withdrawn(browse, operator, station):
    client = browse(operator)
    client.post(f"/stations/{station.serial}/settings/offer/", {"history": "goes"})
    assert "Withdraw the offer" in client.get(f"/stations/{station.serial}/settings/move/").content.decode()
    client.post(f"/stations/{station.serial}/settings/offer/withdraw/")
    assert StationTransfer.objects.get().withdrawn_at is not None


def test_deleting_says_what_goes_and_wants_the_serial(browse, owner, operator, station):
    address = f"/stations/{station.serial}/settings/delete/"
    assert browse(operator).get(address).status_code == 403
    client = browse(owner)
    note_add(actor=owner, station=station, text="One.")
    assert "You cannot undo this" in client.get(address).content.decode()
    page = client.post(address, {"serial": "something"}).content.decode()
    assert "The serial does not match" in page
    assert client.post(address, {"serial": station.serial})["Location"] == "/"
    assert client.get(f"/stations/{station.serial}/").status_code == 404
    assert Station.objects.get().deleted_at is not None
