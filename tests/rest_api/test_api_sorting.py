"""Models, tags, groups, saved views and grades, as programs see them; stations created and changed."""

import pytest
from api_asking import problem_of
from django.test import Client
from people import person, serial_new, station_of

from fleet.alerts.models import Incident
from fleet.organizations.models import Membership
from fleet.stations.models import Station, StationModel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


def send(asker, method, address, body=None, **headers):
    return getattr(asker.client, method)(
        f"/api/v1/{address}", body, content_type="application/json", headers=headers or None
    )


def test_a_station_is_made_and_changed(institute, writer, reader):
    serial = serial_new()
    made = writer.post("stations", {"serial": serial, "organization": "institute", "name": "Kent"})
    assert (made.status_code, made.json()["state"], made.json()["name"]) == (201, "never_seen", "Kent")
    StationModel.objects.create(name="Watcher")
    model = next(row for row in reader.get("models", limit=500).json()["results"] if row["name"] == "Watcher")
    changed = send(writer, "patch", f"stations/{serial}", {"tags": ["solar"], "model": model["id"], "notes": "by boat"})
    assert changed.status_code == 200, changed.json()
    told = changed.json()
    assert (told["tags"], told["model"], told["notes"], told["name"]) == (["solar"], model["id"], "by boat", "Kent")
    assert reader.get("tags").json()["results"] == [{"name": "solar", "organization": "institute", "stations": 1}]
    problem_of(send(writer, "patch", f"stations/{serial}", {"name": "X", "serial": "SG-OTHER"}), 400, "serial")
    problem_of(send(writer, "patch", f"stations/{serial}", {"name": "X", "model": 2**40}), 404)
    problem_of(send(reader, "patch", f"stations/{serial}", {"name": "X"}), 403)
    problem_of(writer.post("stations", {"serial": serial, "organization": "institute"}), 400, "serial")
    problem_of(writer.post("stations", {"serial": serial_new(), "organization": "elsewhere"}), 404)
    assert Station.objects.get().name == "Kent"


def test_of_many_stations_the_good_ones_are_made(institute, writer):
    serials = [serial_new(), "not a serial", serial_new()]
    answer = writer.post("stations", [{"serial": each, "organization": "institute"} for each in serials] + [7])
    outcomes = answer.json()["results"]
    assert [each["status"] for each in outcomes] == [201, 400, 201, 400]
    assert outcomes[1]["problem"]["errors"][0]["field"] == "serial"
    assert {station.serial for station in Station.objects.all()} == {serials[0], serials[2]}
    problem_of(writer.post("stations", []), 400)


def test_a_change_that_somebody_else_made_first_is_not_lost(station, writer, reader):
    address = f"stations/{station.serial}?fields=name,notes"
    seen = reader.get(f"stations/{station.serial}", fields="name,notes")
    first = send(writer, "patch", address, {"name": "First"}, **{"If-Match": seen["ETag"]})
    assert first.status_code == 200
    problem_of(send(writer, "patch", address, {"name": "Second"}, **{"If-Match": seen["ETag"]}), 412)
    station.refresh_from_db()
    assert station.name == "First"


def test_groups_by_hand_and_by_rule(institute, station, writer, reader):
    problem_of(
        writer.post("groups", {"organization": "institute", "name": "Lab", "rule": "address", "value": "x"}),
        400,
        "value",
    )
    made = writer.post("groups", {"organization": "institute", "name": "Lab"}).json()
    assert send(writer, "put", f"groups/{made['id']}/stations/{station.serial}").status_code == 204
    found = reader.get("stations", group=made["id"]).json()["results"]
    assert [row["serial"] for row in found] == [station.serial]
    send(writer, "delete", f"groups/{made['id']}/stations/{station.serial}")
    assert reader.get("stations", group=made["id"]).json()["results"] == []
    changed = send(writer, "put", f"groups/{made['id']}", {"name": "All", "rule": "serial", "value": "SG"})
    assert changed.json()["rule"] == "serial"
    assert reader.get("groups").json()["results"][0]["name"] == "All"
    problem_of(send(reader, "delete", f"groups/{made['id']}"), 403)
    assert send(writer, "delete", f"groups/{made['id']}").status_code == 204
    problem_of(reader.get(f"groups/{made['id']}"), 404)


def test_models_are_added_and_taken_away(institute, writer, reader):
    told = {"organization": "institute", "name": "Owl", "quantities": [{"name": "co2", "unit": "ppm", "most": 10_000}]}
    made = writer.post("models", told).json()
    assert reader.get(f"models/{made['id']}").json()["quantities"] == [
        {"name": "co2", "unit": "ppm", "least": None, "most": 10_000.0}
    ]
    upside_down = [{"name": "co2", "least": 5, "most": 1}]
    problem_of(writer.post("models", {**told, "name": "Owl 1", "quantities": upside_down}), 400, "quantities")
    problem_of(writer.post("models", {**told, "name": "Owl 2", "quantities": [{"name": "°"}]}), 400, "quantities")
    assert send(writer, "delete", f"models/{made['id']}").status_code == 204
    StationModel.objects.create(name="Watcher")
    everybodys = next(row for row in reader.get("models").json()["results"] if row["organization"] is None)
    problem_of(send(writer, "delete", f"models/{everybodys['id']}"), 403)


def test_views_are_kept_by_people(institute, reader):
    client = Client()
    client.force_login(person("keeper", (institute, Membership.Role.VIEWER)))
    made = client.post("/api/v1/filters", {"name": "Late", "query": "state=late"}, content_type="application/json")
    assert made.status_code == 201
    assert [row["name"] for row in client.get("/api/v1/filters").json()["results"]] == ["Late"]
    assert client.delete(f"/api/v1/filters/{made.json()['id']}").status_code == 204
    assert reader.get("filters").json()["results"] == []
    problem_of(reader.post("filters", {"name": "Late", "query": "state=late"}), 404)


def test_incidents_are_told_and_a_station_that_is_not_suspended_is_not_let_in(institute, elsewhere, writer, reader):
    silent, foreign = station_of(institute, state="silent"), station_of(elsewhere, state="silent")
    for station in (silent, foreign):
        Incident.objects.create(
            organization=station.organization, station=station, rule="silence", sentence="Silent.",
            began_at=station.contact.last_contact_at, opened_at=station.contact.silent_after,
        )  # fmt: skip
    (row,) = reader.get("incidents", is_open=True).json()["results"]
    assert (row["station"], row["rule"], row["closed_at"]) == (silent.serial, "silence", None)
    assert row["sentence"].startswith("Silent since ")
    assert reader.get("incidents", is_open=False).json()["results"] == []
    problem_of(reader.get("incidents", station=foreign.serial), 404)
    problem_of(send(writer, "delete", f"stations/{silent.serial}/suspension"), 409)
    problem_of(send(reader, "delete", f"stations/{silent.serial}/suspension"), 403)


def test_the_four_grades_are_a_view_of_the_contact(institute, elsewhere, reader):
    states = {"on_time": "ALIVE", "late": "MISSING", "silent": "DEAD", "never_seen": "UNKNOWN"}
    made = {station_of(institute, state=state).serial: grade for state, grade in states.items()}
    station_of(elsewhere, state="on_time")
    found = reader.get("fidelity").json()["results"]
    assert {row["serial"]: row["fidelity"] for row in found} == made
    dead = reader.get("fidelity", fidelity="DEAD").json()["results"]
    assert [made[row["serial"]] for row in dead] == ["DEAD"]
    problem_of(reader.get("fidelity", fidelity="ZOMBIE"), 400, "fidelity")
