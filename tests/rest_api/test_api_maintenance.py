"""`/maintenance`: programs plan maintenance, read it, end it and delete it."""

from datetime import UTC, datetime

import pytest
import time_machine
from api_asking import problem_of

from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.stations.models import Station

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def body(institute, station):
    return {
        "organization": institute.slug, "scope": "station", "of": station.serial, "starts": "2026-12-01T12:00",
        "duration_s": 3600, "timezone": "UTC", "rrule": "FREQ=DAILY", "reason": "new battery",
    }  # fmt: skip


def test_it_is_planned_listed_ended_and_deleted(writer, reader, foreigner, body, station):
    answer = writer.post("maintenance", body)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["is_open"], made["of"], made["opens_at"]) == (True, station.serial, "2026-12-01T12:00:00Z")
    assert [one["opens_at"][:10] for one in made["coming"]] == ["2026-12-01", "2026-12-02", "2026-12-03"]
    assert reader.get("maintenance", organization="institute").json()["results"] == [made]
    assert reader.get(f"maintenance/{made['id']}").json() == made
    told = reader.get(f"stations/{station.serial}").json()
    assert told["state"] == "maintenance"
    assert (told["planned_maintenance_until"], told["planned_maintenance_reason"]) == (
        "2026-12-01T13:00:00Z",
        "new battery",
    )
    assert foreigner.get("maintenance").json()["results"] == []
    problem_of(foreigner.get(f"maintenance/{made['id']}"), 404)
    problem_of(foreigner.client.delete(f"/api/v1/maintenance/{made['id']}"), 404)
    problem_of(reader.client.delete(f"/api/v1/maintenance/{made['id']}"), 403)
    ended = writer.post(f"maintenance/{made['id']}/end", {})
    assert (ended.status_code, ended.json()["is_open"], ended.json()["opens_at"]) == (
        200,
        False,
        "2026-12-02T12:00:00Z",
    )
    problem_of(writer.post(f"maintenance/{made['id']}/end", {}), 409)
    assert Station.objects.get(pk=station.pk).window_until is None
    assert writer.client.delete(f"/api/v1/maintenance/{made['id']}").status_code == 204
    assert reader.get("maintenance", is_over="false").json()["results"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rrule": "FREQ=MINUTELY"}, "rrule"),
        ({"rrule": "FREQ=DAILY\nFREQ=WEEKLY"}, "rrule"),
        ({"starts": "2026-12-01T12:00Z"}, "starts"),
        ({"starts": "tomorrow"}, "starts"),
        ({"of": "SG-NONE"}, "of"),
        ({"scope": "planet"}, "scope"),
        ({"timezone": "Mars"}, "timezone"),
        ({"duration_s": 5}, "duration_s"),
        ({"reason": ""}, "reason"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(writer, body, changes, field):
    problem_of(writer.post("maintenance", {**body, **changes}), 400, field)
    assert not MaintenanceWindow.objects.exists()


def test_only_keys_that_may_write_plan(reader, foreigner, body):
    problem_of(reader.post("maintenance", body), 403)
    problem_of(foreigner.post("maintenance", body), 404)
