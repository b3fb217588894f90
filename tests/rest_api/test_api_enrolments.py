"""The enrolment address: it works once, every refusal looks the same, and attempts are limited."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from api_asking import problem_of
from django.db import connection
from django.test import Client
from people import SERVER, station_of
from rest_framework.throttling import SimpleRateThrottle
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.stations.logins.enrolment import enrolment_token_create
from fleet.stations.models import Credential, EnrolmentToken

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]


def enrol(body: object, source: str = "203.0.113.5", **headers: str):
    client = Client(REMOTE_ADDR=source, headers=headers, raise_request_exception=False)
    return client.post("/api/v1/enrolments", body, content_type="application/json")


def test_a_token_becomes_exactly_what_an_agent_needs(institute, settings):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    body = {"serial": station.serial, "token": token, "hardware": {"model": "Pi 4"}, "of_a_newer_agent": 1}
    response = enrol(body)
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    told = response.json()
    password = told["amqp"].pop("password")
    assert len(password) > 30
    assert told == {
        "amqp": {
            "host": settings.ROOST_STATION_AMQP_HOST,
            "port": settings.ROOST_STATION_AMQP_PORT,
            "tls": True,
            "vhost": settings.ROOST_FLEET_VHOST,
            "username": f"st.{station.serial}.1",
            "exchange": f"in.{station.serial}",
            "command_queue": f"cmd.{station.serial}",
            "ca_pem": told["amqp"]["ca_pem"],
        }
    }
    assert told["amqp"]["ca_pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert Credential.objects.get().hardware == {"model": "Pi 4"}


def test_every_refusal_is_the_same_to_the_byte(institute):
    station, other = station_of(institute), station_of(institute)
    used = enrolment_token_create(station=station, actor=SERVER)
    assert enrol({"serial": station.serial, "token": used}).status_code == 201
    expired = enrolment_token_create(station=other, actor=SERVER)
    EnrolmentToken.objects.filter(station=other).update(expires_at=clock.now() - timedelta(seconds=1))
    answers = [
        enrol({"serial": station.serial, "token": used}),
        enrol({"serial": station.serial, "token": "wrong"}),
        enrol({"serial": other.serial, "token": expired}),
        enrol({"serial": "SG-NOBODY", "token": expired}),
        enrol({"serial": "not on the broker!", "token": expired}),
    ]
    for answer in answers:
        problem_of(answer, 403)
    assert len({answer.content for answer in answers}) == 1
    assert len({json.dumps(dict(answer.headers), sort_keys=True) for answer in answers}) == 1


def test_of_ten_requests_at_once_one_is_served(institute):
    station = station_of(institute)
    body = {"serial": station.serial, "token": enrolment_token_create(station=station, actor=SERVER)}
    together = Barrier(10)

    def attempt(number: int) -> int:
        together.wait(PATIENCE_S)
        try:
            return enrol(body, source=f"203.0.113.{number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(attempt, range(10))) == [201] + [403] * 9


def test_one_source_is_slowed_whatever_it_pretends_and_others_are_not(monkeypatch):
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", {"enrolment": "3/min"})
    statuses = [
        enrol({"serial": f"SG-{n}", "token": "x"}, **{"X-Forwarded-For": f"198.51.100.{n}"}).status_code
        for n in range(5)
    ]
    assert statuses == [403, 403, 403, 429, 429]
    slowed = enrol({"serial": "SG-9", "token": "x"})
    assert "Try again in" in problem_of(slowed, 429)["detail"]
    assert int(slowed["Retry-After"]) <= 60
    assert enrol({"serial": "SG-9", "token": "x"}, source="203.0.113.6").status_code == 403


def test_one_serial_is_slowed_from_wherever_it_is_tried(monkeypatch):
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", {"enrolment": "3/min"})
    tried = [enrol({"serial": "SG-1", "token": "x"}, source=f"203.0.113.{n}").status_code for n in range(5)]
    assert tried == [403, 403, 403, 429, 429]
    assert enrol({"serial": "SG-2", "token": "x"}, source="203.0.113.77").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"token": "x"}, "serial"),
        ({"serial": "SG-1"}, "token"),
        ({"serial": "", "token": "x"}, "serial"),
        ({"serial": "x" * 65, "token": "x"}, "serial"),
        ({"serial": "a\x00", "token": "x"}, "serial"),
        ({"serial": "SG-1", "token": "x" * 200}, "token"),
        ({"serial": "SG-1", "token": "x", "hardware": []}, "hardware"),
        ({"serial": "SG-1", "token": "x", "hardware": {"a": "\x00"}}, "hardware"),
        ({"serial": "SG-1", "token": "x", "hardware": {"a": "x" * 20_000}}, "hardware"),
    ],
)
def test_a_wrong_body_is_refused_by_its_field(db, body, field):
    problem_of(enrol(body), 400, field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"serial": "\\ud800", "token": "x"}'])
def test_a_body_that_is_no_enrolment_is_refused(db, body):
    response = enrol(body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("hardware", [b'{"a": 1e999}', b'{"\\ud800": 1}', b'{"a": NaN}'])
def test_hardware_that_cannot_be_kept_is_refused(institute, hardware):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    head = json.dumps({"serial": station.serial, "token": token})[:-1].encode()
    assert enrol(head + b', "hardware": ' + hardware + b"}").status_code == 400
    assert enrol({"serial": station.serial, "token": token, "hardware": {"fine": "🛰"}}).status_code == 201


def test_a_broker_that_is_away_is_said_and_the_token_kept(institute, settings):
    station = station_of(institute)
    body = {"serial": station.serial, "token": enrolment_token_create(station=station, actor=SERVER)}
    there, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:1"
    response = enrol(body)
    problem_of(response, 503)
    assert response["Retry-After"] == "30"
    settings.ROOST_MANAGEMENT_URL = there
    assert enrol(body).status_code == 201
