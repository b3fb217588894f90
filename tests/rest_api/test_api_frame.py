"""Features that every API resource has: field selection, ETags, repeats and limits."""

import pytest
from api_asking import Asker, problem_of
from django.test import Client
from people import key_of, station_of

from fleet.commands.models import Command
from fleet.core.models import RequestDone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


def test_an_answer_has_only_the_fields_that_were_asked_for(station, reader):
    assert reader.get(f"stations/{station.serial}", fields="serial, state").json() == {
        "serial": station.serial,
        "state": "on_time",
    }
    assert reader.get("stations", fields="serial").json()["results"] == [{"serial": station.serial}]
    refused = problem_of(reader.get("stations", fields="serial,password"), 400, "fields")
    assert "`password`" in refused["detail"]


def test_what_has_not_changed_is_not_sent_again(station, reader):
    first = reader.get(f"stations/{station.serial}", fields="name")
    again = reader.client.get(
        f"/api/v1/stations/{station.serial}?fields=name", headers={"If-None-Match": f"W/{first['ETag']}"}
    )
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    station.name = "Another"
    station.save()
    changed = reader.client.get(
        f"/api/v1/stations/{station.serial}?fields=name", headers={"If-None-Match": first["ETag"]}
    )
    assert changed.json() == {"name": "Another"}


def test_a_command_that_is_sent_twice_with_one_key_is_issued_once(station, writer):
    def post(key, body=None):
        return writer.client.post(
            f"/api/v1/stations/{station.serial}/commands",
            {"name": "ping"} if body is None else body,
            content_type="application/json",
            headers={"Idempotency-Key": key},
        )

    first, again = post("a-1"), post("a-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Command.objects.count() == 1
    problem_of(post("a-1", {"name": "run_diagnostics"}), 422)
    problem_of(post("x" * 256), 400)
    assert post("a-2").status_code == 201
    assert Command.objects.count() == 2


def test_what_failed_was_not_done_and_may_come_again(station, writer):
    def post(body):
        return writer.client.post(
            f"/api/v1/stations/{station.serial}/commands",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": "b"},
        )

    problem_of(post({"name": "no_such"}), 400, "name")
    assert not RequestDone.objects.exists()
    assert post({"name": "ping"}).status_code == 201


def test_the_key_of_one_asker_is_not_that_of_another(station, writer, institute):
    other = Asker(key_of(institute, write=True))
    for asker in (writer, other):
        answer = asker.client.post(
            f"/api/v1/stations/{station.serial}/commands",
            {"name": "ping"},
            content_type="application/json",
            headers={"Idempotency-Key": "same"},
        )
        assert "Idempotent-Replayed" not in answer
    assert Command.objects.count() == 2


def test_every_answer_says_what_is_left_and_too_many_requests_wait(institute, reader, settings):
    settings.ROOST_API_RATE = 3
    station_of(institute)
    told = [reader.get("stations") for _ in range(3)]
    assert [answer["RateLimit"].split(";")[1] for answer in told] == ["r=2", "r=1", "r=0"]
    assert told[0]["RateLimit-Policy"] == '"asker";q=3;w=60'
    problem_of(over := reader.get("stations"), 429)
    assert 0 < int(over["Retry-After"]) <= 60
    assert Asker(key_of(institute)).get("stations").status_code == 200


def test_wrong_keys_are_slowed_down_by_their_address_and_right_ones_are_not(institute, settings):
    settings.ROOST_API_WRONG_KEYS = 3
    secret, client = key_of(institute), Client(raise_request_exception=False)

    def ask(secret, address):
        return client.get("/api/v1/stations", headers={"Authorization": f"Bearer {secret}"}, REMOTE_ADDR=address)

    for _ in range(3):
        problem_of(ask("abcd.wrong", "198.51.100.7"), 401)
    problem_of(ask("abcd.wrong", "198.51.100.7"), 429)
    # A correct key works from an address that wrong keys have blocked.
    assert ask(secret, "198.51.100.7").status_code == 200
    problem_of(ask("abcd.wrong", "198.51.100.8"), 401)


def test_what_nobody_foresaw_is_a_problem_too(institute, monkeypatch):
    monkeypatch.setattr("rest_api.v1.stations.station_list", lambda **_: 1 / 0)
    assert "in its log" in problem_of(Asker(key_of(institute)).get("stations"), 500)["detail"]


def test_a_body_or_query_that_is_not_read_is_refused_in_words(station, writer):
    def post(**headers):
        where, body = f"/api/v1/stations/{station.serial}/commands", '{"name": "' + 3_000_000 * "x" + '"}'
        return writer.client.post(where, body, content_type="application/json", headers=headers)

    for headers in ({}, {"Idempotency-Key": "a-1"}):
        assert "longer than 2.6 MB: send it in parts" in problem_of(post(**headers), 413)["detail"]
    many = problem_of(writer.client.get("/api/v1/stations?" + "&".join(f"a{n}=1" for n in range(1_500))), 400)
    assert "more than 1000 fields" in many["detail"]
    problem_of(writer.client.get("/api/v1/organizations/a%0Ab/alerts"), 404)
    problem_of(writer.client.get("/api/v1/stations", headers={"Host": "elsewhere.example"}), 400)
