"""Forwarders in the API: what each role may do, secrets shown once, changes of a part, refused rows."""

from datetime import timedelta

import pytest
from api_asking import Asker, problem_of
from django.test import Client
from people import key_of, station_of

from fleet.core import clock
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.targets import secrets_of
from fleet.telemetry.models import Series

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]
PLACE = "organizations/institute/forwarders"
WEBHOOK = {"kind": "webhook", "name": "Archive", "settings": {"url": "https://example.org/hook?key=of-the-hook"}}


class Acting(Asker):
    """A client of a person who is logged in, or of a key."""

    def __init__(self, who=None, *, secret: str = "") -> None:
        super().__init__(secret)
        if who is not None:
            self.client = Client(raise_request_exception=False)
            self.client.force_login(who.user)

    def post(self, address: str, body: object = None):
        return super().post(address, {} if body is None else body)

    def patch(self, address: str, body: object):
        return self.client.patch(f"/api/v1/{address}", body, content_type="application/json")

    def delete(self, address: str):
        return self.client.delete(f"/api/v1/{address}")


@pytest.fixture
def owning(owner):
    return Acting(owner)


def test_an_owner_adds_one_and_its_secret_is_shown_once(owning, institute, station, owner):
    answer = owning.post(PLACE, {**WEBHOOK, "detections": "tags", "reach": "stations", "stations": [station.serial]})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    made = answer.json()
    forwarder = Forwarder.objects.get()
    secret = secrets_of(forwarder)["secret"]
    assert made["secrets"] == {"secret": secret}
    assert (made["readings"], made["detections"], made["stations"]) == (True, "tags", [station.serial])
    assert (made["state"], made["address"]) == ("running", "https://example.org/…")
    place = f"{PLACE}/{forwarder.pk}"
    for shown in (owning.get(PLACE), owning.get(place), owning.patch(place, {"name": "Renamed", "is_clean": False})):
        assert secret not in shown.text
    forwarder.refresh_from_db()
    assert (forwarder.name, forwarder.is_clean, forwarder.detections) == ("Renamed", False, "tags")
    assert (forwarder.reach, forwarder.station_ids, secrets_of(forwarder)) == (
        "stations",
        [station.pk],
        {"secret": secret},
    )
    assert owning.patch(place, {"reach": "public"}).json()["stations"] == []
    # A stored secret never goes to an address that somebody enters later.
    problem_of(owning.patch(place, {"settings": {"url": "https://example.com"}}), 400, "secret")
    assert owning.delete(place).status_code == 204
    assert not Forwarder.objects.exists()


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"settings": {"url": "http://10.1.1.1/"}}, "url"),
        ({"settings": {"url": "https://example.org", "secrets": "x"}}, "settings"),
        ({"kind": "sensorthings", "settings": {"url": "https://example.org"}, "detections": "all"}, "detections"),
        ({"readings": False}, "readings"),
        ({"reach": "stations", "stations": ["SG-NOBODY"]}, "stations"),
        ({"names": [{"series": "temp*", "name": "t"}]}, "names"),
        ({"stations": ["SG-NOBODY"]}, "reach"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_work_is_refused_with_its_field(owning, institute, settings, told, field):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    problem_of(owning.post(PLACE, {**WEBHOOK, **told}), 400, field)
    assert not Forwarder.objects.exists()


def test_an_operator_steers_it_a_viewer_reads_and_a_stranger_finds_nothing(
    institute, station, operator, viewer, foreigner, owning
):
    number = owning.post(PLACE, WEBHOOK).json()["id"]
    place, moment = f"{PLACE}/{number}", clock.now()
    series = Series.objects.create(station=station, name="temp", created_at=moment)
    told = {"forwarder_id": number, "occurred_at": moment, "reason": "no such sensor", "refused_at": moment}
    RefusedRow.objects.create(series=series, **told)
    RefusedRow.objects.create(station=station, port=3, kind=2, line=7, **told)
    acting = Acting(secret=key_of(institute, write=True))
    assert acting.get(place).json()["settings"] is None
    assert acting.post(f"{place}/pause").json()["state"] == "paused"
    problem_of(acting.post(f"{place}/pause"), 409)
    assert acting.post(f"{place}/resume").json()["state"] == "running"
    start = moment - timedelta(days=2)
    assert acting.post(f"{place}/backfills", {"from": start.isoformat()}).json()["backfill_from"] is not None
    problem_of(acting.post(f"{place}/backfills", {"from": (moment + timedelta(days=1)).isoformat()}), 400, "from")
    assert acting.post(f"{place}/tests").json()["test_asked_at"] is not None
    problem_of(acting.post(f"{place}/tests"), 409)
    heard, read = acting.get(f"{place}/refused").json()["results"]
    assert (heard["station"], heard["series"], heard["port"], heard["kind"], heard["line"]) == (
        station.serial, None, 3, "tag", 7,
    )  # fmt: skip
    assert (read["series"], read["kind"], read["reason"], read["is_waiting"]) == ("temp", None, "no such sensor", False)
    assert acting.post(f"{place}/refused/again").json() == {"rows": 2}
    assert acting.delete(f"{place}/refused").status_code == 204
    assert not RefusedRow.objects.exists()
    for refused in (acting.post(PLACE, WEBHOOK), acting.patch(place, {}), acting.delete(place)):
        problem_of(refused, 403)
    reading = Acting(viewer)
    assert reading.get(place).status_code == 200
    for act in ("pause", "resume", "backfills", "tests", "refused/again"):
        problem_of(reading.post(f"{place}/{act}"), 403)
        problem_of(foreigner.post(f"{place}/{act}", {}), 404)
    problem_of(foreigner.get(place), 404)
    problem_of(foreigner.get(f"{place}/refused"), 404)
    # Nor through an address of one's own organization.
    problem_of(foreigner.get(f"organizations/elsewhere/forwarders/{number}"), 404)


def test_a_station_that_left_is_not_shown(owning, institute, elsewhere, station):
    gone = station_of(institute)
    body = {**WEBHOOK, "reach": "stations", "stations": [station.serial, gone.serial]}
    number = owning.post(PLACE, body).json()["id"]
    type(gone).objects.filter(pk=gone.pk).update(organization=elsewhere)
    assert owning.get(f"{PLACE}/{number}").json()["stations"] == [station.serial]
