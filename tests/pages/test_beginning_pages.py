"""Claiming, accepting and importing stations on the site."""

import base64
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from people import serial_new, station_of

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.deployments.services import deployment_begin
from fleet.stations.joining.claims import claim_open
from fleet.stations.joining.registration_queue import arrival_take, registration_turn_on
from fleet.stations.life.hardware import SaidHardware, pairs_note
from fleet.stations.models import HardwarePair, Newcomer, RegistrationCode, Station

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def code(institute, owner):
    return registration_turn_on(organization=institute, actor=owner)


def body(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.content.decode()


def test_a_station_is_claimed_in_two_steps(browse, operator, institute):
    client = browse(operator)
    device, _, code = claim_open(serial=serial_new(), hardware={"model": EVIL})
    assert "Find the device" in body(client.get("/stations/claim/"))
    page = body(client.post("/stations/claim/", {"code": code.lower()}))
    assert device.serial in page
    assert EVIL not in page
    assert not Station.objects.exists()
    by_qr = client.get("/stations/claim/", {"code": code})
    page = body(by_qr)
    assert f"Claim {device.serial}" in page
    # The code is in a hidden field.
    assert f'type="hidden" name="code" value="{code}"' in page
    assert ">Code</label>" not in page
    assert (by_qr["Referrer-Policy"], "no-store" in by_qr["Cache-Control"]) == ("same-origin", True)
    filled = {"code": code, "organization": institute.id, "name": "Kent"}
    done = client.post("/stations/claim/", filled, follow=True)
    assert "It is now fetching its login" in body(done)
    assert Station.objects.get().name == "Kent"
    assert "No device is showing this code now" in body(client.post("/stations/claim/", {"code": code}))
    assert "No device is showing this code now" in body(client.post("/stations/claim/", filled))


def test_a_claim_goes_to_one_s_own_organization_only(browse, stranger, viewer, institute):
    _, _, code = claim_open(serial=serial_new(), hardware={})
    page = body(browse(stranger).post("/stations/claim/", {"code": code, "organization": institute.id}))
    assert "You cannot add stations to this organization" in page
    assert "Institute" not in page
    assert browse(viewer).get("/stations/claim/").status_code == 403
    assert not Station.objects.exists()


def test_the_queue_is_emptied_by_picking(browse, operator, institute, code):
    client = browse(operator)
    rows = [arrival_take(code=code, serial=serial_new(), hardware={"model": EVIL})[0] for _ in range(3)]
    page = body(client.get("/stations/accept/"))
    assert all(row.serial in page for row in rows)
    assert EVIL not in page
    picked = {"arrival": [rows[0].pk, rows[1].pk], f"name-{rows[0].pk}": "Kent", "decision": "accept"}
    page = body(client.post("/stations/accept/", picked, follow=True))
    assert "2 stations are accepted" in page
    assert set(Station.objects.values_list("name", flat=True)) == {"Kent", ""}
    page = body(client.post("/stations/accept/", {"arrival": rows[2].pk, "decision": "block"}, follow=True))
    assert f"Unblock {rows[2].serial}" in page
    page = body(client.post(f"/stations/accept/{rows[2].pk}/unblock/", follow=True))
    assert f"{rows[2].serial} can ask to join again" in page
    assert "No device selected" in body(client.post("/stations/accept/", {"decision": "accept"}, follow=True))
    assert "Choose one of: accept" in body(
        client.post("/stations/accept/", {"arrival": "1", "decision": "x"}, follow=True)
    )


def test_strangers_see_and_decide_nothing(browse, stranger, viewer, code):
    device, _ = arrival_take(code=code, serial=serial_new(), hardware={})
    client = browse(stranger)
    assert device.serial not in body(client.get("/stations/accept/"))
    client.post("/stations/accept/", {"arrival": device.pk, "decision": "accept"})
    assert client.post(f"/stations/accept/{device.pk}/unblock/").status_code == 404
    assert browse(viewer).get("/stations/accept/").status_code == 403
    assert Newcomer.objects.get().state == "waiting"


def test_owners_open_and_close_the_door_and_see_the_code_once(browse, owner, operator, stranger, institute):
    address = f"/stations/accept/doors/{institute.slug}/"
    answer = browse(owner).post(address, {"open": "yes"})
    code = re.search(r'id="registration-code">([0-9a-f]{32})<', body(answer))[1]
    assert "no-store" in answer["Cache-Control"]
    assert code not in body(browse(owner).get("/stations/accept/"))
    assert arrival_take(code=code, serial=serial_new(), hardware={})
    assert browse(operator).post(address, {"open": "no"}).status_code == 403
    assert browse(stranger).post(address, {"open": "no"}).status_code == 404
    assert RegistrationCode.objects.exists()
    assert "New devices can no longer ask" in body(browse(owner).post(address, {"open": "no"}, follow=True))
    assert not RegistrationCode.objects.exists()


def test_the_queue_s_queries_do_not_grow(browse, operator, queries_of, code):
    client = browse(operator)
    arrival_take(code=code, serial=serial_new(), hardware={})
    few = queries_of(client, "/stations/accept/")
    for _ in range(20):
        arrival_take(code=code, serial=serial_new(), hardware={})
    assert queries_of(client, "/stations/accept/") <= few


def upload(client, institute, content, **more):
    file = SimpleUploadedFile("stations.csv", content.encode(), "text/csv")
    return client.post("/stations/import/", {"organization": institute.id, "file": file, **more})


def test_a_list_is_looked_at_then_imported_with_tokens(browse, operator, institute):
    client = browse(operator)
    content = f"serial,name,hue\nSG-7F5ERPI46977,Kent,1\n{EVIL},x,2\n=1+1,y,3\n"
    page = body(upload(client, institute, content, do="look", with_tokens="on"))
    assert "Import preview" in page
    assert "One station can be imported" in page
    assert EVIL not in page
    assert "ignored: hue" in page
    assert not Station.objects.exists()
    answer = upload(client, institute, content, do="import", with_tokens="on")
    page = body(answer)
    assert "no-store" in answer["Cache-Control"]
    packed = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]+)" download', page)[1]
    lines = base64.b64decode(packed).decode("utf-8-sig").splitlines()
    assert lines[0] == "serial,name,token,expires_at,server"
    assert lines[1].startswith("SG-7F5ERPI46977,Kent,")
    assert len(lines) == 2
    assert Station.objects.get().serial == "SG-7F5ERPI46977"


def test_a_file_that_is_no_list_is_told(browse, operator, stranger, viewer, institute):
    client = browse(operator)
    assert "has a column `serial`" in body(upload(client, institute, "name\nx\n", do="import"))
    assert "This field is required" in body(client.post("/stations/import/", {"organization": institute.id}))
    page = body(upload(browse(stranger), institute, "serial\nSG-1\n", do="import"))
    assert "You cannot add stations" in page
    assert upload(browse(viewer), institute, "serial\nSG-1\n", do="import").status_code == 403
    assert not Station.objects.exists()


@pytest.fixture
def swapped(institute):
    """A station whose board was swapped."""
    station, moment = station_of(institute, state="on_time", name="Old Cut"), clock.now()
    for n, machine in enumerate(("m1", "m2")):
        said = SaidHardware(station.pk, machine, "c1", EVIL)
        pairs_note(said=[said], moment=moment - timedelta(hours=2 - n))
    return station


def test_a_station_whose_pairs_are_recorded_no_more_says_so(browse, viewer, swapped):
    address, moment = f"/stations/{swapped.serial}/hardware/", clock.now()

    def report(numbers) -> str:
        HardwarePair.objects.bulk_create(
            HardwarePair(station=swapped, machine=f"b{n}", state="known", first_seen_at=moment, last_seen_at=moment)
            for n in numbers
        )
        return body(browse(viewer).get(address))

    assert "No more pairs of board and card" not in report(range(97))
    assert "No more pairs of board and card are recorded" in report([97])


def test_a_swap_is_told_on_the_station_and_answered(browse, operator, viewer, stranger, swapped):
    client, address = browse(operator), f"/stations/{swapped.serial}/hardware/"
    rules_sweep()
    assert "Say whether this is still the same station." in body(client.get(f"/stations/{swapped.serial}/"))
    assert "different board with the same card" in body(client.get(f"/stations/{swapped.serial}/"))
    page = body(client.get(address))
    assert "It is the same station" in page
    assert EVIL not in page
    pair = HardwarePair.objects.get(machine="m2")
    assert "It is the same station" not in body(browse(viewer).get(address))
    assert browse(viewer).post(f"{address}{pair.pk}/", {"decision": "same"}).status_code == 403
    assert browse(stranger).post(f"{address}{pair.pk}/", {"decision": "same"}).status_code == 404
    assert "continues with this hardware" in body(
        client.post(f"{address}{pair.pk}/", {"decision": "same"}, follow=True)
    )
    page = body(client.get(f"/stations/{swapped.serial}/"))
    assert "different board" not in page
    assert "Say whether this is still the same station." not in page, "at once, before the rules are looked at again"
    assert Incident.objects.get().closing_sentence.startswith("Decided: it is the same station")
    again = client.post(f"{address}{pair.pk}/", {"decision": "another"}, follow=True)
    assert "Somebody has already said" in body(again)


def test_a_new_station_takes_over_and_the_old_one_leaves_its_site(browse, operator, institute, swapped):
    site = Site.objects.create(organization=institute, name="Wood")
    deployment_begin(station=swapped, site=site, actor=operator)
    rules_sweep()
    pair = HardwarePair.objects.get(machine="m2")
    address = f"/stations/{swapped.serial}/hardware/{pair.pk}/"
    assert "is now a new station" in body(browse(operator).post(address, {"decision": "another"}, follow=True))
    old = Station.objects.get(pk=swapped.pk)
    assert old.serial == f"{swapped.serial}~1"
    assert Deployment.objects.get(station=old).period.upper is not None
    assert not Deployment.objects.filter(station__serial=swapped.serial).exists()
    assert not Incident.objects.filter(closed_at=None).exists()
