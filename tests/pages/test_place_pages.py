"""Sites and deployments on the site, and what everybody may see of them."""

import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from people import SERVER, station_of
from PIL import Image

from fleet.core import clock
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.models import Antenna, Deployment, Room, Site
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.files.models import Photo

pytestmark = pytest.mark.django_db

LATITUDE, LONGITUDE = 42.581237, -80.393489


def body(answer):
    return answer.content.decode()


@pytest.fixture
def station(institute):
    return station_of(institute, state="silent", name="Old Cut", notes="by boat only")


@pytest.fixture
def site(institute):
    return site_create(organization=institute, actor=SERVER, name="Long Point", latitude=LATITUDE, longitude=LONGITUDE)


@pytest.fixture
def deployed(station, site):
    made = deployment_begin(station=station, site=site, actor=SERVER, at=clock.now() - timedelta(days=5))
    antennas_set(deployment=made, actor=SERVER, antennas=[AntennaSaid(1, "Yagi 9", 90.0, 12.0, 166.38)])
    return made


def test_a_site_is_added_changed_and_gets_a_room(browse, operator, institute):
    client = browse(operator)
    refused = client.post("/sites/", {"organization": institute.pk, "name": "Hut", "latitude": "91", "longitude": "1"})
    assert "The latitude must be from -90 to 90 degrees." in body(refused)
    client.post("/sites/", {"organization": institute.pk, "name": "Hut", "latitude": "54.1", "longitude": "7.9"})
    site = Site.objects.get()
    page = body(client.get("/sites/"))
    assert f'href="/sites/{site.pk}/"' in page
    assert "One site" in page
    (pin,) = client.get("/sites/pins.json?at=54,8,8").json()["pins"]
    assert (pin["lat"], pin["lon"], pin["address"]) == (54.1, 7.9, f"/sites/{site.pk}/")
    assert client.get("/sites/pins.json?at=-54,8,8").json() == {"pins": []}
    given = {"name": "Hut", "latitude": "54.1", "longitude": "7.9", "timezone": "Europe/Berlin", "postal_code": "D-1"}
    client.post(f"/sites/{site.pk}/", given)
    client.post(f"/sites/{site.pk}/rooms/", {"name": "Attic", "size_sqm": "20"})
    page = body(client.get(f"/sites/{site.pk}/"))
    assert "Europe/Berlin" in page
    assert "Attic" in page
    client.post(f"/rooms/{Room.objects.get().pk}/delete/")
    client.post(f"/sites/{site.pk}/delete/")
    assert not Site.objects.exists()


def test_a_station_is_put_somewhere_moved_and_taken_away(browse, operator, institute, station, site):
    client, other = browse(operator), site_create(organization=institute, actor=SERVER, name="Old Cut")
    page = f"/stations/{station.serial}/deployments/"
    assert "This station has no recorded place yet." in body(client.get(page))
    client.post(page, {"site": site.pk, "at": "2026-05-01T06:00"})
    client.post(page, {"site": other.pk, "at": "2026-06-01T06:00", "description": "on the roof"})
    shown = body(client.get(page))
    assert shown.count('<rect class="s') == 2
    assert "Move it" in shown
    refused = client.post(page, {"site": site.pk, "at": "2026-05-20T06:00"})
    assert "The station was moved after that moment" in body(refused)
    current = Deployment.objects.get(period__endswith=None)
    client.post(f"/deployments/{current.pk}/end/", {"at": "2026-07-01T06:00"})
    assert "Deploy it" in body(client.get(page))


def antennas_of(*rows, kept=0):
    """The data of the antenna form: rows by their fields, of which the first `kept` already existed."""
    given = {"part": "antennas", "antenna-TOTAL_FORMS": len(rows), "antenna-INITIAL_FORMS": kept}
    return given | {f"antenna-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()}


def test_antennas_are_rows_with_empty_ones_at_the_end(browse, operator, deployed):
    client, page = browse(operator), f"/deployments/{deployed.pk}/"
    shown = body(client.get(page))
    assert 'name="antenna-0-bearing_deg" value="90' in shown
    assert 'name="antenna-1-port"' in shown, "an empty row"
    assert 'name="antenna-2-port"' not in shown
    first = {"port": "1", "type": "Yagi 9", "bearing_deg": "90", "beam_width_deg": "42.5", "polarization": "vertical"}
    client.post(page, antennas_of(first, {"port": "2", "type": "omni"}, {}, kept=1))
    told = Antenna.objects.order_by("port").values_list("port", "type", "beam_width_deg", "polarization")
    assert list(told) == [(1, "Yagi 9", 42.5, "vertical"), (2, "omni", None, "")]
    client.post(page, antennas_of({**first, "DELETE": "on"}, {"port": "3", "type": "omni"}, {}, kept=2))
    assert list(Antenna.objects.values_list("port", "type")) == [(3, "omni")]
    client.post(page, antennas_of({"port": "3", "DELETE": "on"}, {}, kept=1))
    assert not Antenna.objects.exists()
    assert 'name="antenna-2-port"' in body(client.get(page)), "the first antennas come three at once"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"port": "one"}, "Enter a whole number."),
        ({"type": "Yagi"}, "This field is required."),
        ({"port": "1", "bearing_deg": "400"}, "A bearing must be from 0 to less than 360 degrees."),
        ({"port": "1", "beam_width_deg": "0"}, "A beam width must be above 0 and at most 360 degrees."),
        ({"port": "1", "polarization": "sideways"}, "Select a valid choice."),
    ],
)
def test_an_antenna_that_cannot_be_is_refused_at_its_row(browse, operator, deployed, row, said):
    first = {"port": "0", "type": "Yagi 9"}
    refused = body(browse(operator).post(f"/deployments/{deployed.pk}/", antennas_of(first, row, kept=1)))
    assert said in refused
    assert re.search(r'id="id_antenna-1-\w+_error"', refused)
    for name, value in row.items():
        assert value in refused, f"{name} was lost"
    assert Antenna.objects.get().port == 1, "nothing was changed"


def test_no_more_antennas_than_a_station_has_ports_for(browse, operator, deployed):
    rows = [{"port": str(n)} for n in range(60)]
    refused = body(browse(operator).post(f"/deployments/{deployed.pk}/", antennas_of(*rows)))
    assert "at most 40" in refused
    assert Antenna.objects.count() == 1


def test_antennas_are_drawn_where_the_place_is_exact(browse, operator, deployed):
    for page in (f"/deployments/{deployed.pk}/", f"/sites/{deployed.site_id}/"):
        assert 'class="beam"' in body(browse(operator).get(page)), page
    public = f"/public/deployments/{deployed.public_id}/"
    deployment_publish(deployment=deployed, actor=SERVER, is_public=True, location="exact")
    assert 'class="beam"' in body(Client().get(public))
    deployment_publish(deployment=deployed, actor=SERVER, is_public=True, location="blurred", blur_radius_m=5_000.0)
    assert 'class="beam"' not in body(Client().get(public)), "with a blurred place, antennas are not drawn"


def test_times_are_set_right(browse, operator, deployed):
    client, page = browse(operator), f"/deployments/{deployed.pk}/"
    refused = client.post(page, {"part": "times", "start": "2026-05-02T00:00", "end": "2026-05-01T00:00"})
    assert "It cannot end before it began." in body(refused)


def test_everybody_reads_the_place_and_nothing_else(browse, operator, deployed, station):
    nobody, page = Client(), f"/deployments/{deployed.pk}/"
    assert nobody.get(f"/public/deployments/{deployed.public_id}/").status_code == 404
    browse(operator).post(page, {"part": "public", "is_public": "on", "location": "blurred", "blur_radius_km": "5"})
    listed = body(nobody.get("/public/deployments/"))
    shown = body(nobody.get(f"/public/deployments/{deployed.public_id}/"))
    for told in ("Long Point", "Institute", "Old Cut"):
        assert told in listed
        assert told in shown
    assert "Yagi 9" in shown
    assert "within 5 km" in shown
    for kept in (station.serial, "by boat only", "Silent", f"{LATITUDE:.4f}"[:7], f"{LONGITUDE:.4f}"[:8]):
        assert kept not in listed + shown, kept


@pytest.mark.parametrize("kind", [{"location": "blurred", "blur_radius_m": 3_000.0}, {"location": "withheld"}])
def test_the_true_place_stands_in_no_answer_to_anybody_else(browse, stranger, deployed, kind):
    deployment_publish(deployment=deployed, actor=SERVER, is_public=True, **kind)
    true = re.compile(rf"{LATITUDE:.4f}|{LATITUDE:.5f}|{LONGITUDE:.4f}|{LONGITUDE:.5f}|42\.5812|80\.3934")
    addresses = [
        "/public/deployments/",
        "/public/deployments/pins.json?at=42.58,-80.39,12",
        f"/public/deployments/{deployed.public_id}/",
        f"/deployments/{deployed.pk}/",
        "/map/",
        "/map/pins.json?at=42.58,-80.39,12",
        "/sites/pins.json?at=42.58,-80.39,12",
        "/sites/",
        f"/sites/{deployed.site_id}/",
        "/",
    ]
    for client in (Client(), browse(stranger)):
        for address in addresses:
            assert not true.search(body(client.get(address))), address


def test_many_deployments_cost_no_more_queries(browse, operator, institute, station, django_assert_max_num_queries):
    client, moment = browse(operator), clock.now()

    def add(first, last):
        for number in range(first, last):
            site = site_create(organization=institute, actor=SERVER, name=f"S{number}")
            deployment_begin(station=station, site=site, actor=SERVER, at=moment - timedelta(days=100 - number))
        Deployment.objects.update(is_public=True)

    for most in (3, 30):
        add(0 if most == 3 else 3, most)
        for address, queries in (
            (f"/stations/{station.serial}/deployments/", 14),
            ("/sites/", 11),
            # For a logged-in person, the page also counts open incidents and messages in quarantine.
            ("/public/deployments/", 7),
        ):
            with django_assert_max_num_queries(queries):
                client.get(address)


def test_photos_of_a_deployment_are_added_shown_to_everybody_and_removed(browse, operator, viewer, stranger, deployed):
    client, page = browse(operator), f"/deployments/{deployed.pk}/"
    raw = io.BytesIO()
    Image.new("RGB", (60, 30), "green").save(raw, "PNG")

    def told():
        return {"photo": SimpleUploadedFile("mast.png", raw.getvalue()), "caption": "The <mast>"}

    assert "There are no photos yet." in body(client.get(page))
    assert browse(viewer).post(f"{page}photos/", told()).status_code == 403
    assert browse(stranger).post(f"{page}photos/", told()).status_code == 404
    wrong = {"photo": SimpleUploadedFile("mast.png", b"<svg/>")}
    assert "photo cannot be read" in body(client.post(f"{page}photos/", wrong))
    assert client.post(f"{page}photos/", told()).headers["Location"] == page
    photo = Photo.objects.get()
    assert "The &lt;mast&gt;" in body(client.get(page))
    assert "Make this photo public" not in body(browse(viewer).get(page))
    place = f"/photos/{photo.name}/public/"
    assert browse(viewer).post(place, {"is_public": "yes"}).status_code == 403
    assert browse(stranger).post(place, {"is_public": "yes"}).status_code == 404
    assert client.post(place, {"is_public": "yes"}).headers["Location"] == page
    assert "Show this photo only to members" in body(client.get(page))
    client.post(place, {"is_public": "no"})
    assert not Photo.objects.get().is_public
    assert client.post(f"/photos/{photo.name}/remove/").headers["Location"] == page
    assert not Photo.objects.exists()


def test_cables_are_written_as_people_write_them(browse, operator, deployed):
    client, page = browse(operator), f"/deployments/{deployed.pk}/"
    first = {"port": "1", "type": "Yagi 9", "frequency_mhz": "166.38", "cable": "LMR-400 8 m"}
    client.post(page, antennas_of(first, {"port": "2", "cable": "RG-58 5 m"}, kept=1))
    assert list(Antenna.objects.order_by("port").values_list("port", "type", "cable")) == [
        (1, "Yagi 9", "LMR-400 8 m"),
        (2, "", "RG-58 5 m"),
    ]
    assert 'value="RG-58 5 m"' in body(client.get(page))
    deployment_publish(deployment=deployed, actor=operator, is_public=True)
    shown = body(Client().get(f"/public/deployments/{deployed.public_id}/"))
    assert '<td data-label="Cable">LMR-400 8 m</td>' in shown


def test_the_list_of_public_places_costs_the_same_however_long_it_is(institute, site, queries_of, monkeypatch):
    monkeypatch.setattr("sg_status.pages.places.public.PAGE_SIZE", 3)

    def more(count):
        for _ in range(count):
            made = deployment_begin(station=station_of(institute), site=site, actor=SERVER)
            deployment_publish(deployment=made, actor=SERVER, is_public=True)

    more(1)
    few = queries_of(Client(), "/public/deployments/")
    assert 'rel="next"' not in body(Client().get("/public/deployments/"))
    more(6)
    assert queries_of(Client(), "/public/deployments/") == few
    # Over all pages, each is listed once, newest first.
    told, address = [], "/public/deployments/"
    while address:
        page = body(Client().get(address))
        told += re.findall(r'<th scope="row">\s*<a href="/public/deployments/([0-9a-f-]{36})/"', page)
        following = re.search(r'rel="next" href="(\?after=[0-9a-f-]+)"', page)
        address = f"/public/deployments/{following[1]}" if following else None
    assert told == [str(each) for each in Deployment.objects.order_by("-id").values_list("public_id", flat=True)]
    assert body(Client().get("/public/deployments/?after=nonsense")).count('<th scope="row">') == 3


def test_the_list_of_public_places_counts_nothing(institute, site, django_assert_max_num_queries):
    made = deployment_begin(station=station_of(institute), site=site, actor=SERVER)
    deployment_publish(deployment=made, actor=SERVER, is_public=True)
    with django_assert_max_num_queries(10) as asked:
        Client().get(f"/public/deployments/?after={made.public_id}")
    said = [query["sql"] for query in asked.captured_queries if "deployments_deployment" in query["sql"]]
    assert said
    assert not [sql for sql in said if "COUNT(" in sql or "OFFSET" in sql]
    assert all("LIMIT" in sql for sql in said)
