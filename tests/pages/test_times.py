"""Pages on the reader's clock: the choice of time zone, UTC one tap away, forms in the zone shown, and data in UTC."""

import re
from datetime import UTC, datetime

import pytest
from django.http import QueryDict
from django.utils import timezone, translation
from people import SERVER
from psycopg.types.range import TimestamptzRange

from fleet.core.models import AuditEntry
from fleet.deployments.models import Deployment, Site
from fleet.deployments.services import deployment_begin
from fleet.organizations.models import Person
from fleet.organizations.people import person_timezone_set
from fleet.stations.notes import note_list
from sg_status.window import window_of
from web.assets import catalogues_compile

pytestmark = pytest.mark.django_db
TORONTO = "America/Toronto"
SINCE = datetime(2026, 5, 1, 22, 6, tzinfo=UTC)


@pytest.fixture
def deployment(institute, busy):
    site = Site.objects.create(organization=institute, name="Old Cut", timezone="Europe/Berlin")
    return deployment_begin(station=busy, site=site, actor=SERVER, at=SINCE)


def zone_of(who) -> str:
    return Person.objects.filter(user=who.user).values_list("timezone", flat=True).first() or ""


def test_the_browser_s_zone_is_taken_once_and_a_choice_is_never_overwritten(browse, viewer):
    client = browse(viewer)
    page = client.get("/").content.decode()
    assert 'data-zone="UTC"' in page
    assert "zone.js" in page
    client.cookies["roost_zone"] = "Nowhere%2FAtAll"
    client.get("/")
    assert zone_of(viewer) == ""
    client.cookies["roost_zone"] = "America%2FToronto"
    page = client.get("/").content.decode()
    assert f'data-zone="{TORONTO}"' in page
    assert "zone.js" not in page
    assert zone_of(viewer) == TORONTO
    assert client.post("/accounts/timezone/", {"timezone": "Asia/Kolkata"}).status_code == 302
    assert 'data-zone="Asia/Kolkata"' in client.get("/").content.decode()
    assert zone_of(viewer) == "Asia/Kolkata"


def test_a_zone_is_chosen_on_the_account_page(browse, viewer):
    client = browse(viewer)
    page = client.get("/accounts/").content.decode()
    assert '<optgroup label="America">' in page
    assert f'<option value="{TORONTO}">Toronto</option>' in page
    assert "no such timezone" in client.post("/accounts/timezone/", {"timezone": "x"}, follow=True).content.decode()
    answer = client.post("/accounts/timezone/", {"timezone": TORONTO}, follow=True).content.decode()
    assert "The timezone is saved." in answer
    assert f'<option value="{TORONTO}" selected>Toronto</option>' in answer


def test_utc_is_one_tap_away_and_so_is_the_way_back(browse, operator, deployment):
    person_timezone_set(user=operator.user, name=TORONTO)
    client = browse(operator)
    address = f"/deployments/{deployment.pk}/"
    page = client.get(address).content.decode()
    assert "America/Toronto, UTC\u2212" in page
    assert 'datetime="2026-05-01T22:06:00Z"' in page
    both = "2026-05-01 22:06:00 UTC · 2026-05-01 18:06:00 America/Toronto · 2026-05-02 00:06:00 Europe/Berlin"
    assert both in page
    answer = client.post("/accounts/times/", {"times": "utc", "next": f"{address}?a=1"})
    assert answer.headers["Location"] == f"{address}?a=1"
    page = client.get(address).content.decode()
    assert 'data-zone="UTC"' in page
    assert "2026-05-01 22:06:00 UTC · 2026-05-02 00:06:00 Europe/Berlin" in page
    assert client.post("/accounts/times/", {"times": "own", "next": "https://x.example/"}).headers["Location"] == "/"
    assert f'data-zone="{TORONTO}"' in client.get(address).content.decode()


def test_programs_never_notice_a_person_s_zone(browse, viewer, busy):
    person_timezone_set(user=viewer.user, name=TORONTO)
    client = browse(viewer)
    station = client.get(f"/api/v1/stations/{busy.serial}").json()
    assert " UTC" in station["sentence"]
    assert station["last_contact_at"].endswith(("Z", "+00:00"))
    lines = b"".join(client.get(f"/stations/{busy.serial}/detections.csv?span=365d").streaming_content).decode()
    assert all("+00:00" in line for line in lines.splitlines()[1:])


def test_a_form_means_the_zone_that_it_was_shown_in(browse, operator, busy):
    person_timezone_set(user=operator.user, name=TORONTO)
    client = browse(operator)
    address = f"/stations/{busy.serial}/notes/"
    page = client.get(address).content.decode()
    assert "When (America/Toronto)" in page
    assert f'name="at_zone" value="{TORONTO}"' in page
    sent = {"text": "The mast leans.", "at": "2026-05-01T18:06", "at_zone": TORONTO}
    # Meanwhile, in another window, they switched to UTC.
    client.post("/accounts/times/", {"times": "utc"})
    assert client.post(address, sent).status_code == 302
    assert note_list(station=busy)[0].at == SINCE


def test_hours_that_clocks_skip_or_show_twice_are_asked_about(browse, operator, busy):
    person_timezone_set(user=operator.user, name=TORONTO)
    client = browse(operator)
    address = f"/stations/{busy.serial}/notes/"
    sent = {"text": "Night watch.", "at": "2026-03-08T02:30", "at_zone": TORONTO}
    assert "There is no 02:30 on that day" in client.post(address, sent).content.decode()
    sent["at"] = "2025-11-02T01:30"
    page = client.post(address, sent).content.decode()
    assert "01:30 happens twice on that day" in page
    assert '<option value="1">the second, UTC\u22125</option>' in page
    assert client.post(address, {**sent, "at_turn": "1"}).status_code == 302
    assert note_list(station=busy)[0].at == datetime(2025, 11, 2, 6, 30, tzinfo=UTC)


def test_times_left_alone_keep_their_seconds_and_days_their_hour(browse, operator, deployment):
    since = datetime(2025, 11, 2, 6, 30, 45, tzinfo=UTC)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    Deployment.objects.filter(pk=deployment.pk).update(
        period=TimestamptzRange(since, None), withheld_until=until, location="withheld"
    )
    person_timezone_set(user=operator.user, name=TORONTO)
    client = browse(operator)
    address = f"/deployments/{deployment.pk}/"
    page = client.get(address).content.decode()
    assert 'value="2025-11-02T01:30:45"' in page
    assert '<option value="1" selected>' in page
    assert 'value="2029-12-31"' in page
    times = {"part": "times", "start": "2025-11-02T01:30:45", "start_zone": TORONTO, "start_turn": "1"}
    assert client.post(address, times).status_code == 302
    public = {"part": "public", "location": "withheld", "withheld_until": "2029-12-31", "withheld_until_zone": TORONTO}
    assert client.post(address, public).status_code == 302
    deployment.refresh_from_db()
    assert (deployment.period.lower, deployment.withheld_until) == (since, until)


def test_a_period_in_an_address_means_the_same_to_everybody(browse, owner, institute):
    moment = datetime(2026, 5, 2, 3, tzinfo=UTC)
    AuditEntry.objects.all().delete()
    AuditEntry.objects.create(
        at=moment, organization_id=institute.pk, actor_name="owner", action="note.add", subject="SG-X"
    )
    address = f"/organizations/{institute.slug}/audit/?start=2026-05-01&end=2026-05-01"
    for zone in (TORONTO, "Asia/Kolkata"):
        person_timezone_set(user=owner.user, name=zone)
        client = browse(owner)
        # Still 1 May in Toronto; an address without a zone is in UTC, where it is 2 May.
        assert "SG-X" in client.get(f"{address}&start_zone={TORONTO}&end_zone={TORONTO}").content.decode()
        assert "SG-X" not in client.get(address).content.decode()


@pytest.mark.parametrize("reader", ["UTC", "Asia/Kolkata", TORONTO])
def test_days_in_an_address_are_those_of_the_zone_in_it(reader):
    query = QueryDict("start=2026-03-08&end=2026-03-08&zone=America/Toronto")
    with timezone.override(reader):
        window = window_of(query, newest=None, moment=datetime(2026, 4, 1, tzinfo=UTC))
    # The day on which clocks go forward has 23 hours.
    assert (window.itself.start, window.itself.end) == ("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z")


@pytest.mark.parametrize("language", ["de", "fr"])
def test_decimals_have_a_comma_and_are_read_with_one(browse, operator, institute, language):
    catalogues_compile()
    translation.trans_real._translations.clear()
    site = Site.objects.create(organization=institute, name="Old Cut", latitude=42.5, longitude=-80.25)
    client = browse(operator)
    client.post("/language/setlang/", {"language": language, "next": "/"})
    page = client.get(f"/sites/{site.pk}/").content.decode()
    assert "42,50000" in page
    assert 'value="42,5"' in page
    filled = {"name": "Old Cut", "timezone": "UTC", "latitude": "42,75", "longitude": "-80.25", "part": "site"}
    client.post(f"/sites/{site.pk}/", filled)
    site.refresh_from_db()
    assert (site.latitude, site.longitude) == (42.75, -80.25)


def test_strangers_see_the_place_s_zone_only_where_they_may_know_the_place(client, deployment):
    Site.objects.update(latitude=52.5, longitude=13.4)
    address = f"/public/deployments/{deployment.public_id}/"
    told = {"is_public": True, "location": "exact"}
    for changed, zone in (
        (told, "Europe/Berlin"),
        (told | {"location": "blurred", "blur_radius_m": 5000.0}, "UTC"),
        (told | {"location": "withheld", "withheld_until": None}, "UTC"),
    ):
        Deployment.objects.filter(pk=deployment.pk).update(**changed)
        page = client.get(address).content.decode()
        assert f'data-zone="{zone}"' in page
        assert ("Europe/Berlin" in page) is (zone == "Europe/Berlin")


def test_drawings_keep_the_point_that_svg_needs(browse, operator, deployment, busy):
    catalogues_compile()
    translation.trans_real._translations.clear()
    Site.objects.update(latitude=42.58123, longitude=-80.39348)
    client = browse(operator)
    client.post("/language/setlang/", {"language": "de", "next": "/"})
    wrong = re.compile(r'\s(?:[cr]?[xy][12]?|r|width|height)="-?\d+,\d[^"]*"')
    for address in ("/", "/map/", f"/stations/{busy.serial}/", f"/stations/{busy.serial}/detections/", "/detections/"):
        page = client.get(address).content.decode()
        assert '<html lang="de">' in page
        assert wrong.findall(page) == [], address
