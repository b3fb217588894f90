"""Back-fills over the API: ask, follow, answer, report, and the outcome of each file."""

import pytest
from backfill.conftest import rows, store, store_card, worked
from cards.conftest import LINES, OTHER, file_name, hour_text
from django.test import Client
from people import key_of, no_counters, station_of

from fleet.ingest.models import Backfill
from fleet.organizations.models import Organization

__all__ = ["no_counters"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]


def client_of(key) -> Client:
    return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)


@pytest.fixture
def asker(organization):
    return client_of(key_of(organization, write=True))


@pytest.fixture
def place(station):
    return f"/api/v1/stations/{station.serial}/backfills"


def post(client, address, **body):
    return client.post(address, body, content_type="application/json")


def test_a_program_reads_stored_files(asker, place, card, station, ingest):
    store_card(station, card)
    store(station, file_name(serial=OTHER, hour=3), hour_text(3) + b"nonsense\n")
    made = post(asker, place, is_unread=True)
    assert made.status_code == 202, made.content
    told = made.json()
    assert (told["state"], told["stored_files"], told["progress"]) == ("surveying", 4, 0.0)
    worked(Backfill.objects.get())
    told = asker.get(f"{place}/{told['id']}").json()
    assert (told["state"], told["progress"]) == ("surveyed", 1.0)
    assert [question["kind"] for question in told["questions"]] == ["others"]
    assert told["others"] == [{"serial": OTHER, "files": 1, "lines": 9}]
    assert told["lines_read"] == sum(told[f"lines_{what}"] for what in ("taken", "known", "kept_back", "refused"))
    assert (told["lines_refused"], told["refusals"]) == (1, {"unparsed": 1})
    refused = post(asker, f"{place}/{told['id']}/send")
    assert (refused.status_code, OTHER in refused.json()["detail"]) == (409, True)
    answered = post(asker, f"{place}/{told['id']}/send", leave_others=True)
    assert (answered.status_code, answered.json()["state"]) == (202, "sending")
    worked(Backfill.objects.get())
    told = asker.get(f"{place}/{told['id']}").json()
    assert told["state"] == "done"
    assert {one["kind"]: one["new"] for one in told["kinds"]} == dict(LINES)
    assert all(one["lines"] == one["here_before"] + one["new"] + one["missing"] for one in told["kinds"])
    assert (told["first_at"][:10], told["held"]) == ("2021-12-16", {})
    assert rows() == LINES
    files = asker.get(f"{place}/{told['id']}/files", {"told": "true"}).json()["results"]
    assert [(file["serial"], set(file["here_after"].values())) for file in files] == [(OTHER, {0})]
    assert len(asker.get(f"{place}/{told['id']}/files", {"sort": "-size"}).json()["results"]) == 4
    assert [one["id"] for one in asker.get(place).json()["results"]] == [told["id"]]


def test_it_is_stopped_once(asker, place, card, station, queues):
    store_card(station, card)
    made = post(asker, place).json()["id"]
    assert post(asker, place).status_code == 409
    assert asker.delete(f"{place}/{made}").status_code == 204
    assert asker.delete(f"{place}/{made}").status_code == 409


def test_wrong_questions_are_refused_in_words(asker, place, card, station, queues):
    store_card(station, card)
    assert post(asker, place, search="no such").status_code == 400
    assert post(asker, place, files=[2_147_483_640]).status_code == 404
    assert post(asker, place, also_of=["hello"]).json()["errors"][0]["field"] == "also_of"
    assert post(asker, place, everything=True).status_code == 400


def test_a_read_only_key_and_a_stranger_change_nothing(place, card, station, organization, queues):
    store_card(station, card)
    assert post(client_of(key_of(organization)), place).status_code == 403
    elsewhere = Organization.objects.create(name="E", slug="e", created_at=station.registered_at)
    theirs, stranger = station_of(elsewhere), client_of(key_of(elsewhere, write=True))
    assert post(stranger, place).status_code == 404
    one = store(station, file_name(hour=7), hour_text(7))
    answer = post(stranger, f"/api/v1/stations/{theirs.serial}/backfills", files=[one.pk])
    assert answer.status_code == 404, "a file of another station is none of this one"
