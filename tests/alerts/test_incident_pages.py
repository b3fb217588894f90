"""Acting on an incident on its page and over the API, its timeline, and lists filtered by state."""

from datetime import UTC, datetime, timedelta

import pytest
from api_asking import Asker, problem_of
from django.core.cache import cache
from django.test import Client
from people import key_of

from fleet.alerts.models import Incident, IncidentStep
from fleet.alerts.services import incident_close, silence_sweep

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)


@pytest.fixture(autouse=True)
def _ready(settings, listening):
    """Throttles that count from zero, a pulse of ingest, and styles without collected files."""
    cache.clear()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def operator(make_member):
    return make_member("op@example.org", role="operator")


@pytest.fixture
def incident(operator, member, make_station):
    make_station("SG-1", name="Old Cut", heard_ago=LONG)
    silence_sweep()
    return Incident.objects.get()


def browse(user):
    client = Client()
    client.force_login(user)
    return client


def fresh(incident):
    return Incident.objects.get(pk=incident.pk)


def main_of(answer):
    return answer.content.decode().split("<main")[1].split("</main")[0]


def test_an_operator_acts_by_the_page_and_its_timeline_tells_it(operator, member, incident):
    client, address = browse(operator), f"/incidents/{incident.pk}/"
    assert "Nobody has acknowledged it yet" in main_of(client.get(address))
    for do, body, told in (
        ("acknowledge", {}, f"{operator.username} acknowledged it."),
        ("snooze", {"how_long": "8h"}, f"{operator.username} snoozed it"),
        ("snooze", {"how_long": "change"}, "until it changes."),
        ("take-back", {}, f"{operator.username} took that back."),
        ("assign", {"assignee": member.username}, f"{operator.username} assigned it to {member.username}."),
        ("note", {"text": "Ask <b>Bo</b>\nfor the boat."}, "Ask &lt;b&gt;Bo&lt;/b&gt;<br>for the boat."),
    ):
        answer = client.post(f"{address}{do}/", body, follow=True)
        assert (answer.status_code, told in main_of(answer)) == (200, True), do
    assert (fresh(incident).state, fresh(incident).assignee.user) == ("open", member)


def test_a_snooze_until_a_moment_is_read_in_the_zone_of_the_page(operator, incident):
    until = (datetime.now(tz=UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    body = {"how_long": "1h", "until_at": f"{until:%Y-%m-%dT%H:%M}", "until_at_zone": "UTC"}
    browse(operator).post(f"/incidents/{incident.pk}/snooze/", body)
    assert fresh(incident).snoozed_until == until


@pytest.mark.parametrize(
    ("do", "body"),
    [
        ("snooze", {}),
        ("snooze", {"how_long": "2y"}),
        ("snooze", {"how_long": "1h", "until_at": "2010-01-01T00:00"}),
        ("snooze", {"how_long": "1h", "until_at": "soon"}),
        ("assign", {"assignee": "nobody-here"}),
        ("note", {"text": ""}),
        ("take-back", {}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(operator, incident, do, body):
    answer = browse(operator).post(f"/incidents/{incident.pk}/{do}/", body, follow=True)
    assert answer.status_code == 200
    assert "toast error" in answer.content.decode()
    assert not IncidentStep.objects.exists()


def test_a_viewer_sees_what_was_done_and_no_buttons(operator, member, incident):
    browse(operator).post(f"/incidents/{incident.pk}/acknowledge/")
    client = browse(member)
    text = main_of(client.get(f"/incidents/{incident.pk}/"))
    assert f"{operator.username} acknowledged it" in text
    assert " acknowledged, " in " ".join(text.split())
    assert "<form" not in text
    assert client.post(f"/incidents/{incident.pk}/take-back/").status_code == 403
    assert fresh(incident).state == "acknowledged"


def test_the_page_of_one_that_is_over_takes_notes_only(operator, incident):
    incident_close(station_id=incident.station_id, rule="silence", moment=datetime.now(tz=UTC))
    client = browse(operator)
    text = main_of(client.get(f"/incidents/{incident.pk}/"))
    assert f'action="/incidents/{incident.pk}/note/"' in text
    assert f'action="/incidents/{incident.pk}/acknowledge/"' not in text
    answer = client.post(f"/incidents/{incident.pk}/acknowledge/", follow=True)
    assert "This incident is over" in answer.content.decode()


def test_the_list_is_narrowed_to_a_state_and_to_ones_own(operator, make_station):
    for n in range(4):
        make_station(f"SG-{n}", name=f"Place {n}", heard_ago=LONG)
    silence_sweep()
    client = browse(operator)
    numbers = {one.station.name: one.pk for one in Incident.objects.select_related("station")}
    client.post(f"/incidents/{numbers['Place 0']}/acknowledge/")
    client.post(f"/incidents/{numbers['Place 1']}/snooze/", {"how_long": "1d"})
    client.post(f"/incidents/{numbers['Place 2']}/assign/", {"assignee": operator.username})
    for state, names in {
        "": {0, 1, 2, 3}, "open": {2, 3}, "acknowledged": {0}, "snoozed": {1}, "mine": {2}, "nonsense": {0, 1, 2, 3},
    }.items():  # fmt: skip
        text = main_of(client.get("/incidents/", {"state": state}))
        assert {n for n in range(4) if f"Place {n}" in text} == names, state


def send(asker, method, address, body=None):
    return getattr(asker.client, method)(f"/api/v1/{address}", body, content_type="application/json")


def test_programs_do_the_same(organization, member, incident):
    writer, reader = Asker(key_of(organization, write=True)), Asker(key_of(organization))
    one = f"incidents/{incident.pk}"
    shown = reader.get(one).json()
    assert (shown["state"], shown["acknowledged_by"], shown["assignee"]) == ("open", "", "")
    assert send(writer, "post", f"{one}/acknowledgement").json()["state"] == "acknowledged"
    problem_of(send(writer, "post", f"{one}/acknowledgement"), 409)
    until = (datetime.now(tz=UTC) + timedelta(days=1)).isoformat()
    assert send(writer, "put", f"{one}/snooze", {"until": until}).json()["state"] == "snoozed"
    assert send(writer, "put", f"{one}/snooze", {"until": None}).json()["snoozed_until"] is None
    problem_of(send(writer, "put", f"{one}/snooze", {}), 400, "until")
    problem_of(send(writer, "put", f"{one}/snooze", {"until": "2010-01-01T00:00:00Z"}), 400, "until")
    assert send(writer, "delete", f"{one}/acknowledgement").json()["state"] == "open"
    problem_of(send(writer, "delete", f"{one}/acknowledgement"), 409)
    assert send(writer, "put", f"{one}/assignment", {"assignee": member.username}).json()["assignee"] == member.username
    problem_of(send(writer, "put", f"{one}/assignment", {"assignee": "nobody"}), 400, "assignee")
    assert send(writer, "post", f"{one}/notes", {"text": "By boat."}).json()["text"] == "By boat."
    steps = reader.get(f"{one}/steps").json()["results"]
    assert [step["kind"] for step in steps] == [
        "noted", "assigned", "taken_back", "snoozed", "snoozed", "acknowledged",
    ]  # fmt: skip
    assert {step["by"] for step in steps} == {fresh(incident).steps.first().by_name}
    for method, rest in (("post", "acknowledgement"), ("put", "snooze"), ("put", "assignment"), ("post", "notes")):
        problem_of(send(reader, method, f"{one}/{rest}", {}), 403)


def test_programs_list_by_state_and_assignee(organization, member, incident):
    writer = Asker(key_of(organization, write=True))
    assert [row["id"] for row in writer.get("incidents", state="open").json()["results"]] == [incident.pk]
    send(writer, "put", f"incidents/{incident.pk}/snooze", {"until": None})
    send(writer, "put", f"incidents/{incident.pk}/assignment", {"assignee": member.username})
    assert writer.get("incidents", state="open").json()["results"] == []
    (row,) = writer.get("incidents", state="snoozed", assignee=member.username).json()["results"]
    assert (row["id"], row["is_found_later"]) == (incident.pk, False)
    problem_of(writer.get("incidents", state="asleep"), 400, "state")
