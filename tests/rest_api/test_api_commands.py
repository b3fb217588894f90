"""Commands over the API: sent with permission, read, cancelled, and refused by the field that was wrong."""

import pytest
from api_asking import problem_of

from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.models import OutboxMessage
from fleet.stations.models import Station

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


@pytest.fixture
def where(station) -> str:
    return f"stations/{station.serial}/commands"


def test_a_command_is_written_with_its_message_and_has_an_address(where, writer):
    response = writer.post(
        where, {"name": "set_reporting_interval", "parameters": {"seconds": 600}, "expires_in": 3600}
    )
    assert response.status_code == 201
    body = response.json()
    assert (body["state"], body["parameters"], body["issued_by"]) == ("queued", {"seconds": 600}, "key test")
    assert [step["state"] for step in body["steps"]] == ["queued"]
    assert writer.client.get(response["Location"]).json() == body
    assert writer.get(where).json()["results"] == [body]
    assert OutboxMessage.objects.filter(target="command", message_id=body["id"]).count() == 1


def test_a_command_has_defaults(where, writer):
    body = writer.post(where, {"name": "ping"}).json()
    assert body["parameters"] == {}
    assert body["expires_at"] > body["issued_at"]


def test_a_cancelled_command_is_closed_and_cannot_be_cancelled_again(where, writer):
    made = writer.post(where, {"name": "ping"}).json()
    cancelled = writer.post(f"{where}/{made['id']}/cancel", {})
    assert cancelled.status_code == 200
    assert cancelled.json()["state"] == "cancelled"
    problem_of(writer.post(f"{where}/{made['id']}/cancel", {}), 409)


def test_a_key_that_only_reads_sends_and_cancels_nothing(where, reader, writer):
    made = writer.post(where, {"name": "ping"}).json()
    problem_of(reader.post(where, {"name": "ping"}), 403)
    problem_of(reader.post(where, {"nonsense": 1}), 403)
    problem_of(reader.post(f"{where}/{made['id']}/cancel", {}), 403)
    assert [row["state"] for row in reader.get(where).json()["results"]] == ["queued"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "explode"}, "name"),
        ({"name": "ping", "parameters": []}, "parameters"),
        ({"name": "ping", "parameters": {"x": 1}}, "parameters"),
        ({"name": "set_reporting_interval", "parameters": {"seconds": 5}}, "parameters"),
        ({"name": "set_reporting_interval", "parameters": {}}, "parameters"),
        ({"name": "ping", "parameters": {"a": "\x00"}}, "parameters"),
        ({"name": "ping", "parameters": {"a": "x" * 20_000}}, "parameters"),
        ({"name": "ping", "expires_in": 0}, "expires_in"),
        ({"name": "ping", "expires_in": 10**12}, "expires_in"),
        ({"name": "ping", "expires_in": "soon"}, "expires_in"),
        ({"name": "ping", "state": "succeeded"}, "state"),
        ({"name": "ping", "station": "SG-OTHER"}, "station"),
    ],
)
def test_a_wrong_command_is_refused_by_its_field_and_nothing_is_written(where, writer, body, field):
    problem_of(writer.post(where, body), 400, field)
    assert not Command.objects.exists()
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'"x"', b"null", b'{"name": NaN}', b"\xff", b"[" * 100_000, b'{"name": "\\ud800"}']
)
def test_a_body_that_is_no_command_is_refused(where, writer, body):
    response = writer.client.post(f"/api/v1/{where}", body, content_type="application/json")
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert not Command.objects.exists()


def test_another_content_type_is_refused(where, writer):
    response = writer.client.post(f"/api/v1/{where}", "name=ping", content_type="application/x-www-form-urlencoded")
    problem_of(response, 415)


def test_a_retired_station_takes_none(station, where, writer):
    Station.objects.filter(pk=station.pk).update(retired_at=clock.now())
    problem_of(writer.post(where, {"name": "ping"}), 409)


def test_more_commands_than_may_wait_are_refused(where, writer):
    for _ in range(50):
        assert writer.post(where, {"name": "ping"}).status_code == 201
    problem_of(writer.post(where, {"name": "ping"}), 429)


def test_a_dangerous_command_in_a_loop_is_too_many(where, writer):
    for _ in range(3):
        assert writer.post(where, {"name": "reboot"}).status_code == 201
    problem_of(writer.post(where, {"name": "reboot"}), 429)


def test_the_list_is_bounded(where, writer):
    for _ in range(3):
        writer.post(where, {"name": "ping"})
    assert len(writer.get(where, limit=2).json()["results"]) == 2
    problem_of(writer.get(where, limit=0), 400, "limit")
    problem_of(writer.get(f"{where}/not-a-uuid"), 404)
