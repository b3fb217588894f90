"""Pages and API of alert rules: previews, the question before too many alerts, refusals, and what each role may do."""

import json
import re
from datetime import timedelta

import pytest
from alerts.made.conftest import incidents, look
from api_asking import Asker, problem_of
from django.test import Client
from people import key_of

from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.services import rule_preview
from fleet.alerts.models import Incident
from fleet.alerts.models.made import AlertRule
from fleet.core.models import AuditEntry
from fleet.organizations.access import viewer_of_server
from fleet.telemetry.rollups import rollups_rebuild

pytestmark = pytest.mark.django_db
SERVER = viewer_of_server("test")


@pytest.fixture(autouse=True)
def plain_files(settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def client(make_member):
    made = Client()
    made.force_login(make_member("op@example.org", role="operator"))
    return made


@pytest.fixture
def place(organization):
    return f"/organizations/{organization.slug}/rules/"


FORM = {
    "name": "Too hot",
    "subject": "series",
    "series": "temp",
    "condition": "above",
    "high": "30",
    "severity": "warning",
    "scope": "organization",
}


def test_a_rule_is_previewed_made_paused_changed_and_deleted(client, place, make_station, send, smtp, member):
    stations = [make_station(f"SG-{number}") for number in range(3)]
    for one in stations:
        send(one, {9: 20.0})
    send(stations[0], {600: 35.0, 590: 20.0})
    assert "There are no rules of your own yet" in client.get(place).text
    page = client.get(f"{place}add/").text
    assert "Name of the series" in page
    query = re.search(r"\?(name=Backlog[^\"]*)", page)[1].replace("&amp;", "&")
    assert 'value="5000' in client.get(f"{place}add/?{query}").text
    page = client.post(f"{place}add/", FORM | {"do": "preview"}).text
    assert "It would have raised an alert 1 times, at 1 of 3 stations." in page
    assert "SG-0" in page
    assert AlertRule.objects.count() == 0
    # Two of three stations is more than half, so the page asks first.
    send(stations[1], {600: 35.0, 590: 20.0})
    page = client.post(f"{place}add/", FORM | {"do": "save"}).text
    assert "would have raised alerts at 2 of 3 stations. Is that what you want?" in page
    assert 'name="is_sure"' in page
    assert AlertRule.objects.count() == 0
    answer = client.post(f"{place}add/", FORM | {"do": "save", "is_sure": "on"})
    rule = AlertRule.objects.get()
    assert answer["Location"] == f"{place}{rule.pk}/"
    assert (rule.unit, rule.high, rule.organization_id) == ("Cel", 30.0, stations[0].organization_id)
    AlertRule.objects.update(judged_from=rule.judged_from - timedelta(hours=1))
    send(stations[2], {1: 36.0})
    look()
    page = client.get(place).text
    assert "temp: above 30\u00a0°C" in page
    page = client.get(f"{place}{rule.pk}/").text
    assert "SG-2" in page
    assert "last at 36\u00a0°C" in page
    found = Incident.objects.get()
    assert "Too hot" in client.get("/incidents/").text
    assert "last at 36" in client.get(f"/incidents/{found.pk}/").text
    assert "Too hot" in client.get("/stations/SG-2/").text
    client.post(f"{place}{rule.pk}/", {"do": "pause"})
    assert "Paused." in client.get(f"{place}{rule.pk}/").text
    assert incidents() == [(False, False)]
    assert 'value="30.0"' in client.get(f"{place}{rule.pk}/change/").text
    client.post(f"{place}{rule.pk}/change/", FORM | {"do": "save", "high": "50", "hint": "Open\nit."})
    rule.refresh_from_db()
    assert (rule.high, rule.hint, rule.is_on) == (50.0, "Open it.", False)
    client.post(f"{place}{rule.pk}/", {"do": "resume"})
    assert "closed without a message" in client.get(f"{place}{rule.pk}/delete/").text
    client.post(f"{place}{rule.pk}/delete/")
    assert AlertRule.objects.count() == 0
    assert "Too hot" in client.get(f"/incidents/{found.pk}/").text
    done = AuditEntry.objects.filter(action__startswith="rule.").order_by("pk").values_list("action", flat=True)
    assert list(done) == ["rule.add", "rule.pause", "rule.change", "rule.resume", "rule.delete"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"unit": "V"}, "temp is measured in Cel, and V cannot be compared with that."),
        ({"high": ""}, "the condition needs it"),
        ({"low": "3"}, "The condition does not use this value"),
        ({"clear_high": "31"}, "every incident would end as soon as it began"),
        ({"condition": "outside", "low": "40"}, "must be less than the upper one"),
        ({"condition": "flat"}, "Enter 1 minute to 24 hours."),
        ({"for_min": "20000"}, "Enter at most 7 days."),
        ({"scope": "group", "of": "Lab"}, "has none called Lab."),
        ({"scope": "station", "of": "SG-ELSEWHERE"}, "has none called SG-ELSEWHERE."),
        ({"of": "Lab"}, "The rule is for all stations"),
        ({"hours_from": "07:00"}, "Enter both times, or neither."),
        ({"hours_from": "07:00", "hours_until": "07:00"}, "These are the same"),
        ({"season_from": "02-30", "season_until": "03-01"}, "Write the day as month and day"),
        ({"series": ""}, "Enter the name of a series"),
        ({"high": "nan"}, "Enter a number."),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    client, place, station, send, make_station, make_organization, told, words
):
    send(station, {9: 20.0})
    make_station("SG-ELSEWHERE", of=make_organization("Elsewhere"))
    page = client.post(f"{place}add/", FORM | {"do": "save"} | told).text
    assert words in page
    assert AlertRule.objects.count() == 0


def test_a_rule_on_a_figure_of_the_health(client, place, station, send):
    send(station, {9: 12.0}, name="health/battery_v", unit="V")
    told = {"subject": "health.battery_v", "condition": "below", "low": "12.5", "high": "", "name": "Low"}
    client.post(f"{place}add/", FORM | told | {"do": "save"})
    rule = AlertRule.objects.get()
    assert (rule.subject, rule.what, rule.unit) == ("health", "battery_v", "V")
    AlertRule.objects.update(judged_from=rule.judged_from - timedelta(hours=1))
    send(station, {8: 12.0}, name="health/battery_v", unit="V")
    look()
    assert "Battery: below 12.5\u00a0V" in Incident.objects.get().sentence
    assert 'value="health.battery_v" selected' in client.get(f"{place}{rule.pk}/change/").text


def test_a_viewer_sees_rules_and_strangers_none(make_member, place, make_rule, make_organization):
    rule = make_rule()
    viewer, stranger = Client(), Client()
    viewer.force_login(make_member("v@example.org"))
    stranger.force_login(make_member("s@example.org", of=make_organization("Elsewhere"), role="owner"))
    assert "Only operators and owners can make rules." in viewer.get(place).text
    assert viewer.get(f"{place}add/").status_code == 403
    assert viewer.post(f"{place}{rule.pk}/", {"do": "pause"}).status_code == 403
    assert stranger.get(place).status_code == 404
    assert stranger.post(f"{place}{rule.pk}/delete/").status_code == 404
    assert AlertRule.objects.get().is_on


def test_the_api_makes_previews_changes_and_deletes_rules(organization, station, send, make_station):
    asker = Asker(key_of(organization, write=True))
    reader = Asker(key_of(organization))
    where = f"organizations/{organization.slug}/alert-rules"
    send(station, {600: 35.0, 590: 20.0, 5: 31.0})
    send(make_station("SG-COLD"), {600: 5.0, 5: 6.0})
    told = {"name": "Too hot", "subject": "series", "what": "temp", "condition": "above", "high": 30, "for_s": 300}
    problem_of(reader.post(where, told), 403)
    problem_of(asker.post(where, told | {"unit": "V"}), 400, "unit")
    problem_of(asker.post(where, told | {"hight": 3}), 400, "hight")
    preview = asker.post(f"{where}/previews", told | {"for_s": 0}).json()
    assert (preview["looked_at"], preview["is_too_much"], preview["rows"][0]["times"]) == (2, False, 2)
    assert preview["rows"][0]["rings_now"] is True
    problem_of(asker.post(where, told | {"high": 1, "for_s": 0}), 400, "is_sure")
    made = asker.post(where, told)
    assert made.status_code == 201
    row = made.json()
    assert row["said"] == "temp: above 30\u00a0°C, for at least 5 min"
    problem_of(asker.post(where, told), 400, "name")
    assert reader.get(where).json()["results"] == [row]

    def patch(body):
        return asker.client.patch(f"/api/v1/{where}/{row['id']}", json.dumps(body), content_type="application/json")

    changed = patch({"high": 32.0, "scope": "station", "of": station.serial.lower(), "is_on": False}).json()
    assert (changed["high"], changed["of"], changed["is_on"], changed["for_s"]) == (32.0, station.serial, False, 300)
    assert patch({"is_on": True}).json()["is_on"] is True
    assert asker.client.delete(f"/api/v1/{where}/{row['id']}").status_code == 204
    problem_of(asker.get(f"{where}/{row['id']}"), 404)


def test_a_preview_sees_the_same_from_roll_ups_as_from_values(organization, station, send):
    """Ten days of readings with short, long and repeated episodes; judged from values, then from rolled-up hours."""
    values = {0: 20.0}
    for day in range(1, 10):
        base = day * 1_440
        values |= {base + minutes: 20.0 for minutes in range(0, 300, 20)}
        values |= {base - 600 + minutes: 31.0 for minutes in range(0, 20 * day, 20)}
        values[base - 601] = 20.0
    send(station, values)
    draft = RuleDraft(name="Hot", subject="series", what="temp", condition="above", high=30.0, for_s=1_800)

    def seen():
        found = rule_preview(actor=SERVER, organization=organization, draft=draft)
        return [(row.number, row.lasted_s) for row in found.rows], found.is_rough

    before = seen()
    assert before[0][0][0] > 3
    rollups_rebuild(settled_s=0)
    assert seen() == before
