"""Arrivals, claims and imports over the API: for devices without a key, and for programs with one."""

import pytest
from api_asking import Asker, problem_of
from django.test import Client
from people import key_of, serial_new, station_of

from fleet.core import clock
from fleet.stations.joining import claims
from fleet.stations.joining.registration_queue import registration_turn_on
from fleet.stations.models import Newcomer, Station
from rest_api.throttles import WaitingSourceThrottle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


@pytest.fixture
def device():
    """A device, which has no key."""

    def post(address, body, source="203.0.113.5"):
        client = Client(REMOTE_ADDR=source, raise_request_exception=False)
        return client.post(f"/api/v1/stations/{address}", body, content_type="application/json")

    return post


@pytest.fixture
def writer(institute):
    return Asker(key_of(institute, write=True))


@pytest.fixture
def reader(institute):
    return Asker(key_of(institute))


@pytest.mark.django_db(transaction=True)
def test_a_device_is_claimed_with_a_key_and_fetches_its_login(device, writer, institute, settings):
    serial = serial_new()
    opened = device("claims", {"serial": serial, "hardware": {"model": "Pi 4"}, "of_a_newer_agent": 1})
    assert (opened.status_code, opened["Cache-Control"]) == (201, "no-store")
    told = opened.json()
    assert told["address"] == f"{settings.SITE_URL}/stations/claim/?code={told['code']}"
    waiting = device("waiting", {"secret": told["secret"]})
    assert (waiting.status_code, waiting.json()["ask_again_s"]) == (202, 5)
    seen = writer.get(f"stations/claims/{told['code']}").json()
    assert (seen["serial"], seen["hardware"], seen["address"]) == (serial, {"model": "Pi 4"}, "203.0.113.5")
    assert told["secret"] not in str(seen)
    made = writer.post(f"stations/claims/{told['code']}", {"organization": institute.slug, "name": "Kent"})
    assert (made.status_code, made.json()) == (201, {"serial": serial, "organization": institute.slug})
    login = device("waiting", {"secret": told["secret"]})
    assert (login.status_code, login["Cache-Control"]) == (201, "no-store")
    assert login.json()["serial"] == serial
    assert login.json()["amqp"]["username"] == f"st.{serial}.1"
    refused = [device("waiting", {"secret": secret}) for secret in (told["secret"], "wrong")]
    assert len({problem_of(one, 403)["detail"] for one in refused}) == 1


def test_wrong_expired_and_used_codes_answer_alike_and_too_many_are_told_so(
    device, writer, reader, institute, monkeypatch
):
    monkeypatch.setattr(claims, "WRONG_OF_ACCOUNT_MOST", 3)
    expired = device("claims", {"serial": serial_new()}).json()["code"]
    Newcomer.objects.update(expires_at=clock.now())
    used = device("claims", {"serial": serial_new()}).json()["code"]
    writer.post(f"stations/claims/{used}", {"organization": institute.slug})
    answers = [writer.get(f"stations/claims/{code}") for code in (expired, used, "ABCD-2345")]
    for answer in answers:
        problem_of(answer, 404)
    assert len({answer.content for answer in answers}) == 1
    problem_of(writer.get(f"stations/claims/{used}"), 429)
    problem_of(reader.get(f"stations/claims/{used}"), 403)


def test_a_claim_for_a_foreign_organization_is_not_there(device, writer, elsewhere):
    code = device("claims", {"serial": serial_new()}).json()["code"]
    problem_of(writer.post(f"stations/claims/{code}", {"organization": elsewhere.slug}), 404)
    assert not Station.objects.exists()


def test_devices_with_the_code_wait_in_the_queue_and_are_accepted_in_bulk(device, writer, reader, institute, owner):
    code = registration_turn_on(organization=institute, actor=owner)
    serials = [serial_new() for _ in range(3)]
    arrived = [device("arrivals", {"code": code, "serial": serial, "hardware": {"cpus": 4}}) for serial in serials]
    assert [one.status_code for one in arrived] == [202] * 3
    first = writer.get("stations/arrivals", limit=2).json()
    assert [one["serial"] for one in first["results"]] == [serials[2], serials[1]]
    rest = writer.client.get(first["next"]).json()
    assert [(one["serial"], rest["next"]) for one in rest["results"]] == [(serials[0], None)]
    assert reader.get("stations/arrivals").json()["results"] == []
    numbers = [one["id"] for one in first["results"]]
    body = {"decision": "accept", "arrivals": [{"id": number, "name": f"No {number}"} for number in [*numbers, 2**40]]}
    told = writer.post("stations/arrivals/decisions", body).json()
    assert set(told["done"]) == {serials[1], serials[2]}
    assert [one["id"] for one in told["left"]] == [2**40]
    problem_of(reader.post("stations/arrivals/decisions", body), 403)
    assert device("waiting", {"secret": arrived[0].json()["secret"]}).status_code == 202


def test_only_owners_turn_registration_on(writer, institute, elsewhere, browser_of, owner, stranger):
    address = f"/api/v1/organizations/{institute.slug}/registration"
    problem_of(writer.post(f"organizations/{institute.slug}/registration", {}), 403)
    problem_of(writer.get(f"organizations/{elsewhere.slug}/registration"), 404)
    assert browser_of(stranger).get(address).status_code == 404
    client = browser_of(owner)
    assert client.get(address).json() == {"is_on": False, "since": None}
    assert len(client.post(address).json()["code"]) == 32
    assert client.get(address).json()["is_on"] is True
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["is_on"] is False


@pytest.fixture
def browser_of():
    def client_of(who):
        client = Client(raise_request_exception=False)
        client.force_login(who.user)
        return client

    return client_of


def test_every_refusal_to_a_device_is_the_same(device, institute, owner):
    code = registration_turn_on(organization=institute, actor=owner)
    device("arrivals", {"code": code, "serial": "SG-BLOCKED"})
    Newcomer.objects.update(state="blocked")
    bodies = (
        {"code": code, "serial": "SG-BLOCKED"},
        {"code": "x", "serial": "SG-1"},
        {"code": "x", "serial": "SG-BLOCKED"},
    )
    answers = [device("arrivals", body) for body in bodies]
    for answer in answers:
        problem_of(answer, 403)
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        ("claims", {}, "serial"),
        ("claims", {"serial": "a b"}, "serial"),
        ("claims", {"serial": "SG-1", "hardware": []}, "hardware"),
        ("claims", {"serial": "SG-1", "hardware": {"a": "\x00"}}, "hardware"),
        ("arrivals", {"serial": "SG-1"}, "code"),
        ("waiting", {}, "secret"),
        ("waiting", {"secret": "x" * 129}, "secret"),
    ],
)
def test_a_wrong_body_is_refused_by_its_field(device, address, body, field):
    problem_of(device(address, body), 400, field)


def test_waiting_devices_are_slowed_by_their_address(device, monkeypatch):
    monkeypatch.setattr(WaitingSourceThrottle, "rate", "2/min")
    asked = [device("waiting", {"secret": "x"}).status_code for _ in range(3)]
    assert asked == [403, 403, 429]
    assert device("waiting", {"secret": "x"}, source="203.0.113.6").status_code == 403


def test_a_list_is_imported_and_bad_lines_are_told(writer, reader, institute, elsewhere):
    taken = station_of(elsewhere)
    body = {
        "organization": institute.slug,
        "csv": f"serial,name,hue\nSG-7F5ERPI46977,Kent,1\n{taken.serial},,\n",
        "tokens": True,
    }
    looked = writer.post("stations/imports", body | {"dry_run": True}).json()
    assert (looked["good"], looked["imported"], Station.objects.count()) == (1, 0, 1)
    answer = writer.post("stations/imports", body)
    told = answer.json()
    assert (answer.status_code, answer["Cache-Control"], told["imported"]) == (200, "no-store", 1)
    assert told["unknown_columns"] == ["hue"]
    assert [(one["line"], one["column"]) for one in told["problems"]] == [(3, "serial")]
    assert [one["serial"] for one in told["tokens"]] == ["SG-7F5ERPI46977"]
    problem_of(reader.post("stations/imports", body), 403)
    problem_of(writer.post("stations/imports", body | {"organization": elsewhere.slug}), 404)
    problem_of(writer.post("stations/imports", body | {"csv": "name\n"}), 400, "file")
    problem_of(writer.post("stations/imports", body | {"hurry": True}), 400, "hurry")
