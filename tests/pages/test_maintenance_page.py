"""The pages of planned maintenance: planned in words or by a rule, shown before it is saved, ended and deleted."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from people import station_of

from fleet.alerts.maintenance.services import WindowDraft, window_add
from fleet.alerts.models import Incident
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.deployments.models import Site

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters", "english")]

LIST, ADD = "/organizations/institute/maintenance/", "/organizations/institute/maintenance/add/"
NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def point(institute):
    return Site.objects.create(organization=institute, name="Long Point", timezone="Europe/Berlin")


def form(**changes):
    return {
        "scope": "site", "of": "Long Point", "reason": "new battery", "day": "2026-12-02", "time": "02:30",
        "minutes": "90", "timezone": "", "repeats": "once", "rule": "", "do": "preview", **changes,
    }  # fmt: skip


def words(answer):
    return " ".join(unescape(answer.content.decode()).split())


def test_the_next_times_are_shown_before_it_is_saved(browse, operator, point):
    client = browse(operator)
    page = words(client.post(ADD, form(repeats="weekly", days=["TU", "TH"])))
    for shown in ("Thu 3 Dec 02:30\u201304:00", "Tue 8 Dec 02:30\u201304:00", "Thu 10 Dec 02:30\u201304:00"):
        assert f"<li>{shown}</li>" in page
    assert "For 0 stations as of now, by the clocks of Europe/Berlin, every week on Tuesday, Thursday:" in page
    assert 'value="2026-12-02"' in page, "what was typed stays"
    assert not MaintenanceWindow.objects.exists()
    answer = client.post(ADD, form(repeats="weekly", days=["TU", "TH"], do="save"))
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    window = MaintenanceWindow.objects.get()
    assert (window.rrule, window.opens_at) == ("FREQ=WEEKLY;BYDAY=TU,TH", datetime(2026, 12, 3, 1, 30, tzinfo=UTC))
    listed = words(client.get(LIST))
    assert "site Long Point" in listed
    assert "Thu 3 Dec 02:30\u201304:00" in listed


@pytest.mark.parametrize(
    ("changes", "rule", "shown"),
    [
        ({}, "", ["Wed 2 Dec 02:30\u201304:00"]),
        ({"repeats": "daily"}, "FREQ=DAILY", ["Wed 2 Dec 02:30\u201304:00", "Thu 3 Dec 02:30\u201304:00"]),
        ({"repeats": "weekly"}, "FREQ=WEEKLY;BYDAY=WE", ["Wed 2 Dec", "Wed 9 Dec", "Wed 16 Dec"]),
        ({"repeats": "monthly"}, "FREQ=MONTHLY", ["Wed 2 Dec", "Sat 2 Jan 2027", "Tue 2 Feb 2027"]),
        ({"repeats": "rule", "rule": "freq=monthly;byday=2TU"}, "FREQ=MONTHLY;BYDAY=2TU", ["Tue 8 Dec 02:30"]),
        ({"time": "22:00", "minutes": "240"}, "", ["Wed 2 Dec 22:00 \u2013 Thu 3 Dec 02:00"]),
    ],
)
def test_how_often_is_chosen_in_words_or_by_a_rule(browse, operator, point, changes, rule, shown):
    client = browse(operator)
    page = words(client.post(ADD, form(**changes)))
    assert all(f"<li>{one}" in page for one in shown), page
    client.post(ADD, form(**changes, do="save"))
    assert MaintenanceWindow.objects.get().rrule == rule


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"repeats": "rule", "rule": "FREQ=SECONDLY"}, "Maintenance can recur every hour at most."),
        ({"repeats": "rule"}, "Enter the rule, or choose another answer under “How often”."),
        ({"of": "Short Point"}, "has no site 'Short Point'."),
        ({"day": "2026-11-30"}, "would already be over: it is 2026-12-01 13:00 in Europe/Berlin."),
        ({"repeats": "daily", "minutes": "1500"}, "would begin again before it is over."),
    ],
)
def test_a_refusal_stands_at_its_field(browse, operator, point, changes, sentence):
    answer = browse(operator).post(ADD, form(**changes, do="save"))
    assert answer.status_code == 200
    assert sentence in words(answer)
    assert not MaintenanceWindow.objects.exists()


def test_viewers_look_and_strangers_see_nothing(browse, viewer, operator, stranger, point):
    assert "Only operators and owners can plan maintenance." in words(browse(viewer).get(LIST))
    assert browse(viewer).get(ADD).status_code == 403
    assert browse(viewer).post(ADD, form(do="save")).status_code == 403
    assert browse(stranger).get(LIST).status_code == 404


def test_one_that_goes_on_is_ended_and_deleted(browse, operator, viewer, institute, elsewhere):
    station = station_of(institute, state="silent", name="Old Cut")
    draft = WindowDraft("station", station.serial, NOW.replace(tzinfo=None), timedelta(hours=2), "mast", "FREQ=DAILY")
    window = window_add(actor=operator, organization=institute, draft=draft)
    client = browse(operator)
    assert "Going on now" in words(client.get(LIST))
    page = words(client.get(f"/stations/{station.serial}/"))
    assert "In maintenance until 14:00 UTC, because of “mast”." in page
    assert "End the planned maintenance when the work is done." in page
    assert f'href="{LIST}"' in page
    settings = words(client.get(f"/stations/{station.serial}/settings/"))
    assert f"{ADD}?scope=station&of={station.serial}" in settings
    assert f'value="{station.serial}"' in words(client.get(f"{ADD}?scope=station&of={station.serial}"))
    assert browse(viewer).post(f"{LIST}{window.pk}/end/").status_code == 403
    assert client.post(f"{LIST}{window.pk}/end/").status_code == 302
    window.refresh_from_db()
    assert (window.is_open, window.opens_at) == (False, NOW + timedelta(days=1))
    assert "Delete “mast” for Old Cut" in words(client.get(f"{LIST}{window.pk}/delete/"))
    client.post(f"{LIST}{window.pk}/delete/")
    assert not MaintenanceWindow.objects.exists()


def test_an_incident_says_that_it_is_held_back(browse, viewer, institute):
    station = station_of(institute, state="silent", window_until=NOW + timedelta(hours=1), window_reason="mast")
    incident = Incident.objects.create(
        organization=institute, station=station, rule="silence", sentence="Silent.", began_at=NOW, opened_at=NOW,
        is_held=True, held_reason="mast",
    )  # fmt: skip
    sentence = "Planned maintenance (“mast”) holds the alert back"
    assert sentence in words(browse(viewer).get(f"/incidents/{incident.pk}/"))
    assert sentence in words(browse(viewer).get("/incidents/"))
