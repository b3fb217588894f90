"""Actions of pages that programs can do too: logins, branches, quotas, pace, alert mails, and outside systems."""

from datetime import timedelta

import pytest
from api_asking import NOON, Asker, problem_of
from django.contrib.auth.models import User
from django.test import Client
from people import Role, key_of, person, station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.stations.models import EnrolmentToken, Newcomer, Station, StationContact
from fleet.sync.models import SyncRun
from fleet.telemetry.models import StreamLedger

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


class Person(Asker):
    """A client of a person who is logged in."""

    def __init__(self, user: User) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user)

    def send(self, method: str, address: str, body):
        return getattr(self.client, method)(f"/api/v1/{address}", body, content_type="application/json")


@pytest.fixture
def administrator(db) -> Person:
    return Person(User.objects.create_superuser("root"))


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_a_token_is_made_and_ends_with_the_login(station, writer, reader):
    problem_of(reader.post(f"stations/{station.serial}/token", {}), 403)
    made = writer.post(f"stations/{station.serial}/token", {})
    assert made.status_code == 201
    assert len(made.json()["token"]) == 40
    assert made["Cache-Control"] == "no-store"
    held = EnrolmentToken.objects.get(station=station)
    assert held.expires_at > clock.now()
    problem_of(reader.post(f"stations/{station.serial}/revoke", {}), 403)
    assert writer.post(f"stations/{station.serial}/revoke", {}).status_code == 204
    assert not EnrolmentToken.objects.filter(station=station, used_at=None, expires_at__gt=clock.now()).exists()
    assert writer.post(f"stations/{station.serial}/revoke", {}).status_code == 204


def test_a_branch_is_decided_about_once(station, writer, reader, foreigner):
    branch = StreamLedger.objects.create(
        station=station,
        stream="s~2",
        branch="held",
        received=Multirange([Range(1, 3)]),
        next_seq=3,
        first_at=NOON,
        last_at=NOON,
    )
    where = f"stations/{station.serial}/branches/{branch.pk}"
    assert [one["id"] for one in reader.get(f"stations/{station.serial}/ledger").json()["branches"]] == [branch.pk]
    problem_of(reader.post(where, {"decision": "nonsense"}), 403)
    problem_of(foreigner.post(where, {"decision": "discarded"}), 404)
    problem_of(writer.post(where, {"decision": "held"}), 400, "decision")
    assert writer.post(where, {"decision": "discarded"}).status_code == 204
    problem_of(writer.post(where, {"decision": "believed"}), 409)
    branch.refresh_from_db()
    assert branch.branch == "discarded"
    problem_of(writer.post(f"stations/{station.serial}/branches/{2**80}", {"decision": "discarded"}), 404)


def test_a_quota_is_seen_by_members_and_set_by_who_looks_after_the_server(station, writer, administrator, owner):
    where = f"stations/{station.serial}"
    assert writer.get(where).json()["quota_messages_per_s"] is None
    for asker in (Person(owner.user), writer):
        told = asker.client.patch(
            f"/api/v1/{where}", {"quota_messages_per_s": 100_000, "name": "x"}, content_type="application/json"
        )
        problem_of(told, 403)
    assert Station.objects.get(pk=station.pk).name == "Old Cut"
    set_ = administrator.send("patch", where, {"quota_messages_per_s": 0.5, "quota_bytes_per_hour": 0}).json()
    assert (set_["quota_messages_per_s"], set_["quota_bytes_per_hour"]) == (0.5, 0)
    half = administrator.send("patch", where, {"quota_bytes_per_hour": None}).json()
    assert (half["quota_messages_per_s"], half["quota_bytes_per_hour"]) == (0.5, None)
    for wrong in (-1, 1e300, 10_001):
        problem_of(administrator.send("patch", where, {"quota_messages_per_s": wrong}), 400, "quota_messages_per_s")
    entry = AuditEntry.objects.filter(action="station.quota").latest("id")
    assert (entry.subject, entry.detail["messages_per_s"], entry.organization_id) == (
        station.serial,
        0.5,
        station.organization_id,
    )


def test_an_organizations_connected_stations_are_asked_for_another_pace(
    institute, elsewhere, writer, reader, foreigner
):
    def connected(organization, **hello):
        made = station_of(organization, state="on_time")
        said = {"hello": {"commands": ["pace"]}, "last_contact_at": clock.now(), **hello}
        StationContact.objects.filter(station=made).update(**said)
        return made

    ours, other = connected(institute), connected(elsewhere)
    connected(institute, last_contact_at=clock.now() - timedelta(hours=3))
    connected(institute, hello={"commands": []})
    problem_of(reader.post("organizations/institute/pace", {"slowdown": "x"}), 403)
    problem_of(foreigner.post("organizations/institute/pace", {"slowdown": 4}), 404)
    problem_of(writer.post("organizations/institute/pace", {"slowdown": 61}), 400, "slowdown")
    problem_of(writer.post("organizations/institute/pace", {"speed": 1}), 400, "speed")
    assert writer.post("organizations/institute/pace", {"slowdown": 4}).json() == {"asked": 1, "left": 0}
    sent = Command.objects.get()
    assert (sent.station_id, sent.name, sent.parameters["slowdown"]) == (ours.pk, "pace", 4)
    assert sent.station_id != other.pk


def test_everybody_switches_their_own_mails_of_alerts(institute, elsewhere, owner, operator, reader, administrator):
    where = "organizations/institute/alert-destinations"
    asker = Person(owner.user)
    (mail,) = asker.get(where).json()["results"]
    assert (mail["channel"], mail["address"], mail["is_own"]) == ("mail", owner.user.email, True)
    assert (mail["is_on"], mail["last_result"]) == (True, "Nothing has been sent there yet.")
    off = asker.send("patch", f"{where}/{mail['id']}", {"is_on": False})
    assert (off.status_code, off.json()["is_on"]) == (200, False)
    assert asker.get(f"{where}/{mail['id']}").json()["is_on"] is False
    problem_of(asker.send("post", f"{where}/{mail['id']}/tests", {}), 409)
    problem_of(asker.send("delete", f"{where}/{mail['id']}", {}), 409)
    problem_of(asker.send("patch", f"{where}/{mail['id']}", {}), 400, "is_on")
    problem_of(Person(operator.user).get(f"{where}/{mail['id']}"), 403)
    assert reader.get(where).json()["results"] == []
    assert administrator.get(where).json()["results"] == []
    problem_of(administrator.get(f"{where}/{mail['id']}"), 404)
    problem_of(asker.get("organizations/elsewhere/alert-destinations"), 404)


def test_an_owner_gives_the_organization_a_webhook_and_its_secret_is_shown_once(institute, owner, operator, reader):
    where, asker = "organizations/institute/alert-destinations", Person(owner.user)
    told = {"channel": "webhook", "address": "https://hooks.example.org/t/secret"}
    problem_of(Person(operator.user).post(where, told), 403)
    problem_of(reader.post(where, told), 403)
    made = asker.post(where, told)
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert len(made.json()["secret"]) == 64
    assert made.json()["address"] == "https://hooks.example.org/…"
    place = f"{where}/{made.json()['id']}"
    assert "secret" not in asker.get(place).content.decode()
    problem_of(asker.post(where, told), 400, "address")
    problem_of(Person(operator.user).post(where, {**told, "is_own": True}), 400, "address")
    own = Person(operator.user).post(where, {**told, "address": "https://mine.example.org/", "is_own": True})
    assert own.json()["is_own"] is True
    assert {row["id"] for row in asker.get(where).json()["results"]}.isdisjoint({own.json()["id"]})
    tested = asker.post(f"{place}/tests", {})
    assert tested.status_code == 202
    problem_of(asker.post(f"{place}/tests", {}), 429)
    assert asker.send("delete", place, {}).status_code == 204
    problem_of(asker.get(place), 404)
    assert actions()[-3:] == ["destination.add", "destination.add", "destination.delete"]
    for address in ("ftp://example.org/", "https://127.0.0.1/", "http://[::1]/", "https://example.org:25/", "x"):
        problem_of(asker.post(where, {"channel": "webhook", "address": address}), 400, "address")
    problem_of(asker.post(where, {"channel": "mail", "address": "a@example.org"}), 400, "channel")


def test_outside_systems_tell_how_their_checks_went_and_an_owner_asks_for_one(station, owner, operator, reader):
    SyncRun.objects.create(
        system="motus", state="succeeded", started_at=NOON, finished_at=NOON, records=7, started_by_name="someone else"
    )
    known = {one["system"]: one for one in reader.get("outside").json()["results"]}
    assert (known["motus"]["last"]["state"], known["motus"]["last"]["records"]) == ("succeeded", 7)
    assert "someone else" not in repr(known)
    rows = reader.get(f"stations/{station.serial}/outside").json()["results"]
    assert {row["system"] for row in rows} == set(known)
    assert all(row["sentence"].endswith(".") for row in rows)
    problem_of(Person(operator.user).post("outside/motus/check", {}), 403)
    problem_of(Asker(key_of(station.organization, write=True)).post("outside/motus/check", {}), 403)
    problem_of(Person(owner.user).post("outside/nothing/check", {}), 404)
    before = OutboxMessage.objects.filter(routing_key="sync.run_system").count()
    assert Person(owner.user).post("outside/motus/check", {}).status_code == 202
    assert OutboxMessage.objects.filter(routing_key="sync.run_system").count() == before + 1
    SyncRun.objects.create(system="motus", started_at=clock.now(), started_by_name="owner")
    problem_of(Person(owner.user).post("outside/motus/check", {}), 429)
    told = {one["system"]: one for one in Person(owner.user).get("outside").json()["results"]}
    assert told["motus"]["last"]["is_yours"] is True


def test_a_blocked_device_may_ask_again(institute, writer, reader):
    told = {"arrived_at": NOON, "asked_at": NOON, "expires_at": NOON, "secret_hash": "x"}
    blocked = Newcomer.objects.create(
        way="arrival", state="blocked", organization=institute, serial="SG-BLOCKED1", **told
    )
    problem_of(reader.post(f"stations/arrivals/{blocked.pk}/unblock", {}), 403)
    assert writer.post(f"stations/arrivals/{blocked.pk}/unblock", {}).status_code == 204
    blocked.refresh_from_db()
    assert blocked.state == "refused"
    assert "station.arrival_unblock" in actions()


def test_none_of_it_reaches_another_organization(station, elsewhere, foreigner):
    stranger = Person(person("far", (elsewhere, Role.OWNER)))
    for asker in (foreigner, stranger):
        for address in ("token", "revoke", "branches/1"):
            problem_of(asker.post(f"stations/{station.serial}/{address}", {"decision": "discarded"}), 404)
        problem_of(asker.get(f"stations/{station.serial}/outside"), 404)
        problem_of(asker.get("organizations/institute/alerts"), 404)
