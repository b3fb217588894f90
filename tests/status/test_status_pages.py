"""The public status page: what everybody sees of chosen stations and sites, and nothing else."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from people import SERVER, station_of
from psycopg.types.range import Range

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry, Outage, Pulse
from fleet.core.pulses import INGEST
from fleet.deployments.models import Deployment, Site
from fleet.lifecycle.move_station import station_move
from fleet.organizations.access import Viewer
from fleet.organizations.deletion import organization_delete
from fleet.organizations.models import Organization
from fleet.stations.models import History, Station, StationDay
from fleet.status_pages import services, standing
from fleet.status_pages.models import Notice, NoticeUpdate, StatusItem, StatusPage
from fleet.status_pages.notices import notice_open, notice_remove, notice_update
from fleet.status_pages.services import StatusAsked, status_item_add, status_page_save
from fleet.status_pages.standing import StatusDay, standing_of
from sg_status.pages.status.public import page_context

pytestmark = pytest.mark.django_db

SETTINGS, PUBLIC = "/organizations/institute/status/", "/status/field/"
ALL_HOURS = (1 << 24) - 1
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def shown(owner, institute) -> StatusPage:
    """A page that is on and shows nothing yet."""
    return status_page_save(
        actor=owner, organization=institute, asked=StatusAsked(slug="field", title="Field stations", is_on=True)
    )


def add(owner: Viewer, page: StatusPage, name: str, **thing: object) -> StatusItem:
    return status_item_add(actor=owner, page=page, name=name, **thing)


def heard(station: Station, *, days: int, without: int = -1) -> None:
    """Record data for each hour of the past days, today and tomorrow, except one day, this many days ago."""
    today = clock.now().date()
    StationDay.objects.bulk_create(
        StationDay(station=station, day=today - timedelta(days=ago), heard=ALL_HOURS)
        for ago in range(-1, days + 1)
        if ago != without
    )


def site_with(organization: Organization, *stations: Station, **fields: object) -> Site:
    site = Site.objects.create(organization=organization, name="Old Cut", latitude=42.6, longitude=-80.5)
    for station in stations:
        Deployment.objects.create(
            station=station, site=site, period=Range(clock.now() - timedelta(days=100), None), **fields
        )
    return site


def committed(write: Callable[[], object]) -> None:
    """Write, and check what a commit would check."""
    with transaction.atomic(), connection.cursor() as cursor:
        write()
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def text_of(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def document() -> dict:
    return json.loads(text_of(Client().get(f"{PUBLIC}status.json")))


def test_nothing_is_public_until_an_owner_says_so(browse, owner, operator, viewer, institute):
    writing, nobody = browse(owner), Client()
    assert "There is no status page yet" in text_of(writing.get(SETTINGS))
    assert 'value="institute"' in text_of(writing.get(SETTINGS))
    typed = {"title": "Field stations", "slug": "field", "words": "Since 1998.\n\n<b>bold</b>"}
    assert writing.post(SETTINGS, typed).status_code == 302
    assert nobody.get(PUBLIC).status_code == 404
    assert "The page is switched off" in text_of(writing.get(SETTINGS))
    assert [browse(who).post(SETTINGS, {**typed, "is_on": "on"}).status_code for who in (operator, viewer)] == [403] * 2
    assert writing.post(SETTINGS, {**typed, "is_on": "on"}).status_code == 302
    page = text_of(nobody.get(PUBLIC))
    for part in ("Field stations", "<p>Since 1998.</p>", "&lt;b&gt;bold&lt;/b&gt;", "Nothing is shown here yet."):
        assert part in page, part
    assert "<script" not in page
    assert text_of(nobody.get(f"{PUBLIC}digit")) == "0"
    assert writing.post(SETTINGS, typed).status_code == 302
    assert {
        nobody.get(f"{PUBLIC}{rest}").status_code for rest in ("", "embed/", "badge.svg", "digit", "feed.atom")
    } == {404}
    assert list(AuditEntry.objects.filter(action__startswith="status.").order_by("pk").values_list("action", flat=True)) == [
        "status.change", "status.change", "status.publish", "status.change", "status.hide",
    ]  # fmt: skip


def test_an_address_belongs_to_one_page_and_a_deleted_organizations_page_is_gone(owner, institute, elsewhere, shown):
    refused = {"slug": "field", "title": "Another", "is_on": True}
    with pytest.raises(InvalidInput, match="Another status page has this name"):
        status_page_save(actor=SERVER, organization=elsewhere, asked=StatusAsked(**refused))
    for slug in ("Field", "a--b", "", "x" * 61, "a/b"):
        with pytest.raises(InvalidInput, match="lower-case letters"):
            status_page_save(actor=owner, organization=institute, asked=StatusAsked(**{**refused, "slug": slug}))
    assert Client().get(PUBLIC).status_code == 200
    organization_delete(organization=institute, typed="Institute", actor=owner)
    assert Client().get(PUBLIC).status_code == 404


def test_each_form_tells_the_same_state(owner, institute, shown):
    first = station_of(institute, state="on_time", name="Secret hut")
    add(owner, shown, "Ridge", station=first)
    assert (document()["state"], text_of(Client().get(f"{PUBLIC}digit"))) == ("ok", "1")
    assert "All report as expected." in text_of(Client().get(PUBLIC))
    assert "all on time" in text_of(Client().get(f"{PUBLIC}badge.svg"))
    add(owner, shown, "Marsh <1>", station=station_of(institute, state="silent"))
    told = document()
    assert [(one["name"], one["state"]) for one in told["items"]] == [("Ridge", "on_time"), ("Marsh <1>", "silent")]
    assert (told["state"], text_of(Client().get(f"{PUBLIC}digit"))) == ("trouble", "0")
    page = text_of(Client().get(PUBLIC))
    assert "1 of 2 is silent." in page
    assert "Marsh &lt;1&gt;" in page
    badge = text_of(Client().get(f"{PUBLIC}badge.svg"))
    assert "1 of 2 silent" in badge
    ET.fromstring(badge)  # noqa: S314 - our own answer
    assert "1 of 2 is silent." in text_of(Client().get(f"{PUBLIC}embed/"))
    # The station's own name and serial are nobody's business.
    for text in (page, badge, json.dumps(told)):
        assert "Secret hut" not in text
        assert first.serial not in text


def test_a_station_that_was_never_heard_is_not_said_to_be_well(owner, institute, shown):
    add(owner, shown, "New", station=station_of(institute))
    told = document()
    assert (told["state"], told["items"][0]["state"]) == ("unknown", "never_seen")
    assert text_of(Client().get(f"{PUBLIC}digit")) == "0"
    assert {day["kind"] for day in told["items"][0]["days"]} == {"unknown"}


def test_the_past_tells_gaps_from_silence_and_from_our_own_downtime(owner, institute, shown):
    station = station_of(institute, state="on_time")
    heard(station, days=20, without=5)
    add(owner, shown, "Ridge", station=station)
    days = document()["items"][0]["days"]
    kinds = [day["kind"] for day in days]
    assert len(days) == standing.DAYS
    assert (kinds.count("silent"), kinds.count("part"), kinds.count("down")) == (1, 0, 0)
    assert kinds.count("ok") in (20, 21)
    assert "1 day silent" in text_of(Client().get(PUBLIC))
    # Half of another day is a gap.
    StationDay.objects.filter(day=clock.now().date() - timedelta(days=8)).update(heard=(1 << 12) - 1)
    kinds = [day["kind"] for day in document()["items"][0]["days"]]
    assert (kinds.count("silent"), kinds.count("part")) == (1, 1)
    # Roost itself was down on the silent day: then nobody knows.
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    Outage.objects.create(name=INGEST, started_at=midnight - timedelta(days=5), ended_at=midnight - timedelta(days=4))
    told = document()["items"][0]
    kinds = [day["kind"] for day in told["days"]]
    assert (kinds.count("silent"), kinds.count("part"), kinds.count("down")) == (0, 1, 1)
    expected = sum(day["heard"] + day["missing"] for day in told["days"])
    assert told["share"] == pytest.approx((expected - 12) / expected)


def test_while_roost_does_not_listen_silence_is_not_counted(owner, institute, shown):
    late, silent = station_of(institute, state="late"), station_of(institute, state="silent")
    add(owner, shown, "Late", station=late)
    Pulse.objects.update_or_create(name=INGEST, defaults={"beat_at": clock.now() - timedelta(hours=2)})
    told = document()
    assert (told["state"], told["items"][0]["state"]) == ("unknown", "unknown")
    assert told["down_since"]
    assert "Roost itself has been down since" in text_of(Client().get(PUBLIC))
    # One that was silent before still is.
    add(owner, shown, "Silent", station=silent)
    assert document()["items"][1]["state"] == "silent"
    Pulse.objects.update(beat_at=clock.now())
    assert document()["items"][0]["state"] == "late"


def test_a_site_is_as_the_worst_station_that_stands_there(owner, institute, shown):
    fine, bad = station_of(institute, state="on_time"), station_of(institute, state="silent")
    site = site_with(institute, fine, bad)
    heard(fine, days=3)
    add(owner, shown, "The marsh", site=site)
    told = document()["items"][0]
    assert (told["state"], told["stations"], told["silent"]) == ("silent", 2, 1)
    assert "1 of 2 stations silent" in text_of(Client().get(PUBLIC))
    # A station that left no longer counts, but did while it stood there.
    Deployment.objects.filter(station=bad).update(
        period=Range(clock.now() - timedelta(days=100), clock.now() - timedelta(minutes=1))
    )
    told = document()["items"][0]
    assert (told["state"], told["stations"]) == ("on_time", 1)
    Deployment.objects.all().delete()
    told = document()["items"][0]
    assert (told["state"], told["stations"], told["share"]) == ("unknown", 0, None)


def test_serial_and_place_are_told_only_where_the_deployment_tells_them(owner, institute, shown):
    station = station_of(institute, state="on_time")
    site_with(institute, station)
    add(owner, shown, "Ridge", station=station)
    told, page = document()["items"][0], text_of(Client().get(PUBLIC))
    assert (told["serial"], told["public_deployment"]) == (None, None)
    for private in ("Old Cut", "42.6", station.serial):
        assert private not in page
    Deployment.objects.update(is_public=True, location="withheld")
    told = document()["items"][0]
    public_id = str(Deployment.objects.get().public_id)
    assert (told["serial"], told["public_deployment"]) == (None, public_id)
    page = text_of(Client().get(PUBLIC))
    assert f'href="/public/deployments/{public_id}/"' in page
    assert "42.6" not in page
    Deployment.objects.update(is_serial_public=True)
    assert document()["items"][0]["serial"] == station.serial
    Deployment.objects.update(is_public=False)
    assert document()["items"][0]["serial"] is None


def test_people_write_notices_which_everybody_reads(browse, operator, viewer, owner, institute, shown):
    add(owner, shown, "Ridge", station=station_of(institute, state="on_time"))
    writing, watching = browse(operator), browse(viewer)
    typed = {"title": "Flood <1>", "text": "The road is <b>closed</b>.\r\n\r\nWe go there on Monday."}
    assert watching.post(f"{SETTINGS}notices/add/", typed).status_code == 403
    address = writing.post(f"{SETTINGS}notices/add/", typed)["Location"]
    page = text_of(Client().get(PUBLIC))
    for part in (
        "Flood &lt;1&gt;",
        "&lt;b&gt;closed&lt;/b&gt;.</p>",
        "<p>We go there on Monday.</p>",
        "A notice is open",
    ):
        assert part in page, part
    # Who wrote it is for members only.
    assert "operator" not in page
    assert "operator" in text_of(watching.get(address))
    assert (document()["state"], text_of(Client().get(f"{PUBLIC}digit"))) == ("trouble", "0")
    assert "Flood" in text_of(Client().get(f"{PUBLIC}embed/"))
    assert watching.post(address, {"text": "x"}).status_code == 403
    assert writing.post(address, {"text": "It falls."}).status_code == 302
    assert writing.post(address, {"text": "It is dry.", "is_end": "on"}).status_code == 302
    assert "This notice is over" in text_of(writing.post(address, {"text": "Late."}))
    told = document()
    assert told["state"] == "ok"
    assert [(one["text"], one["is_end"]) for one in told["notices"][0]["updates"]][:2] == [
        ("It is dry.", True), ("It falls.", False),
    ]  # fmt: skip
    feed = ET.fromstring(text_of(Client().get(f"{PUBLIC}feed.atom")))  # noqa: S314 - our own answer
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}summary") for entry in entries][:2] == ["It is dry.", "It falls."]
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 3
    assert writing.post(f"{address}remove/").status_code == 302
    assert document()["notices"] == []
    assert AuditEntry.objects.get(action="status.notice_remove").detail["updates"][-1] == "It is dry."


def test_a_notice_that_is_long_over_leaves_the_page_and_stays_for_members(browse, owner, shown):
    one = notice_open(actor=owner, page=shown, title="Old", text="x")
    notice_update(actor=owner, notice=one, text="over", is_end=True)
    Notice.objects.update(over_at=clock.now() - timedelta(days=standing.DAYS + 1))
    assert document()["notices"] == []
    assert "Old" in text_of(browse(owner).get(SETTINGS))


def test_limits_hold(owner, operator, institute, elsewhere, shown, monkeypatch):
    stations = [station_of(institute) for _ in range(3)]
    monkeypatch.setattr(services, "ITEMS_MOST", 2)
    for number, station in enumerate(stations[:2]):
        add(owner, shown, f"S {number}", station=station)
    with pytest.raises(TooMany, match="at most 2"):
        add(owner, shown, "S 2", station=stations[2])
    # Another name takes no place.
    assert add(owner, shown, "Renamed", station=stations[0]).name == "Renamed"
    assert StatusItem.objects.count() == 2
    with pytest.raises(NotFound):
        add(owner, shown, "Foreign", station=station_of(elsewhere))
    with pytest.raises(NotFound):
        add(owner, shown, "Foreign", site=site_with(elsewhere))
    for wrong in ({}, {"station": stations[0], "site": site_with(institute)}):
        with pytest.raises(InvalidInput, match="one station or one site"):
            add(owner, shown, "x", **wrong)
    with pytest.raises(InvalidInput, match="empty"):
        add(owner, shown, " ", station=stations[0])
    with pytest.raises(Forbidden):
        add(operator, shown, "x", station=stations[0])
    monkeypatch.setattr("fleet.status_pages.notices.OPEN_MOST", 1)
    monkeypatch.setattr("fleet.status_pages.notices.UPDATES_MOST", 2)
    one = notice_open(actor=operator, page=shown, title="One", text="x")
    with pytest.raises(TooMany, match="end one of them"):
        notice_open(actor=operator, page=shown, title="Two", text="x")
    with pytest.raises(TooMany, match="at most 2 updates"):
        notice_update(actor=operator, notice=one, text="x", is_end=False)
    with pytest.raises(InvalidInput, match="a few words"):
        notice_update(actor=operator, notice=one, text=" \n", is_end=True)
    notice_update(actor=operator, notice=one, text="x", is_end=True)
    with pytest.raises(Conflict):
        notice_update(actor=operator, notice=one, text="x", is_end=True)
    for wrong in (timedelta(minutes=5), timedelta(days=-400)):
        with pytest.raises(InvalidInput, match="past year"):
            notice_open(actor=operator, page=shown, title="x", text="x", began_at=clock.now() + wrong)
    notice_remove(actor=operator, notice=one)
    with pytest.raises(NotFound):
        notice_remove(actor=operator, notice=one)
    assert NoticeUpdate.objects.count() == 0


def test_what_is_beyond_the_limit_of_stations_says_so(owner, institute, shown, monkeypatch):
    for number in range(3):
        add(owner, shown, f"S {number}", station=station_of(institute, state="on_time"))
    monkeypatch.setattr(standing, "STATIONS_MOST", 2)
    told = document()
    assert [(one["state"], one["is_beyond_limit"]) for one in told["items"]] == [
        ("on_time", False), ("on_time", False), ("unknown", True),
    ]  # fmt: skip
    assert told["state"] == "unknown"
    assert "too many stations to read this one" in text_of(Client().get(PUBLIC))


def test_owners_choose_what_is_shown(browse, owner, operator, institute, shown):
    station = station_of(institute, state="on_time", name="Hut")
    site = site_with(institute)
    choosing = browse(owner)
    for thing, name in ((f"station-{station.pk}", "Ridge"), (f"site-{site.pk}", "Marsh")):
        assert choosing.post(f"{SETTINGS}items/", {"thing": thing, "name": name}).status_code == 302
    assert browse(operator).post(f"{SETTINGS}items/", {"thing": f"site-{site.pk}", "name": "x"}).status_code == 403
    foreign = f"station-{station.pk + 1}"
    assert "Not saved yet" in text_of(choosing.post(f"{SETTINGS}items/", {"thing": foreign, "name": "x"}))
    page = text_of(choosing.get(SETTINGS))
    assert "Ridge" in page
    assert f"/sites/{site.pk}/" in page
    item = StatusItem.objects.get(site=site)
    gone = f"{SETTINGS}items/{item.pk}/remove/"
    assert browse(operator).post(gone).status_code == 403
    assert choosing.post(gone).status_code == 302
    assert choosing.post(gone).status_code == 404
    assert [one["name"] for one in document()["items"]] == ["Ridge"]


@pytest.mark.parametrize("history", [History.STAYS, History.GOES])
def test_a_station_that_moves_leaves_the_page(owner, institute, elsewhere, shown, history):
    station = station_of(institute, state="on_time")
    add(owner, shown, "Ridge", station=station)
    with pytest.raises(IntegrityError, match="another organization"):
        committed(lambda: Station.objects.filter(pk=station.pk).update(organization=elsewhere))
    station_move(actor=SERVER, station=station, organization=elsewhere, history=history)
    assert not StatusItem.objects.exists()
    assert document()["items"] == []
    with pytest.raises(IntegrityError, match="another organization"):
        committed(lambda: StatusItem.objects.create(page=shown, station=station_of(elsewhere), name="x"))


def test_answers_may_be_kept_by_everybody_for_a_minute(owner, institute, shown):
    add(owner, shown, "Ridge", station=station_of(institute, state="on_time"))
    kinds = {
        "": "text/html", "embed/": "text/html", "status.json": "application/json", "badge.svg": "image/svg+xml",
        "digit": "text/plain", "feed.atom": "application/atom+xml",
    }  # fmt: skip
    for rest, kind in kinds.items():
        answer = Client().get(f"{PUBLIC}{rest}")
        assert answer["Content-Type"].startswith(kind)
        assert answer["Cache-Control"] == "public, max-age=60"
        assert {name.strip() for name in answer["Vary"].split(",")} <= {"Accept-Language", "Accept-Encoding"}
        assert answer["ETag"]
        assert not answer.cookies
        policy = answer["Content-Security-Policy"]
        assert "script-src" not in policy
        assert "default-src 'none'" in policy
        is_framed = rest == "embed/"
        assert ("frame-ancestors *" in policy, answer.has_header("X-Frame-Options")) == (is_framed, not is_framed)
        assert Client().post(f"{PUBLIC}{rest}").status_code == 405
    digit = Client().get(f"{PUBLIC}digit")
    again = Client().get(f"{PUBLIC}digit", headers={"if-none-match": digit["ETag"]})
    assert (again.status_code, again.content, again["Cache-Control"]) == (304, b"", "public, max-age=60")


def test_only_the_header_chooses_the_language(browse, owner, institute, shown):
    Organization.objects.filter(pk=institute.pk).update(language="fr")
    client = Client()
    assert client.get(PUBLIC)["Content-Language"] == "fr"
    client.cookies["django_language"] = "de"
    assert client.get(PUBLIC)["Content-Language"] == "fr"
    for header, language in (("de-AT,en;q=0.5", "de"), ("tlh,en;q=0.5", "en"), ("tlh", "fr"), ("*", "fr")):
        answer = client.get(PUBLIC, headers={"accept-language": header})
        assert answer["Content-Language"] == language
        assert f'<html lang="{language}">' in text_of(answer)
    # A member sees what everybody sees.
    assert "Main menu" not in text_of(browse(owner).get(PUBLIC))


def test_queries_do_not_grow_with_what_is_shown(owner, institute, shown):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            standing_of(page=shown, moment=clock.now())
        return len(asked)

    def more(number: int) -> None:
        station = station_of(institute, state="on_time")
        heard(station, days=4)
        add(owner, shown, f"S {number}", station=station)
        add(owner, shown, f"P {number}", site=Site.objects.create(organization=institute, name=f"P {number}"))
        notice = notice_open(actor=owner, page=shown, title=f"N {number}", text="x")
        notice_update(actor=owner, notice=notice, text="y", is_end=False)

    more(0)
    first = queries()
    for number in range(1, 5):
        more(number)
    assert queries() == first <= 9


def test_a_full_page_weighs_less_than_50_kilobytes(owner, institute, shown):
    add(owner, shown, "Ridge", station=station_of(institute, state="on_time"))
    made = standing_of(page=shown, moment=clock.now())
    patterns = [[(hour * 7 + number * 11) % 25 for hour in range(standing.DAYS)] for number in range(50)]
    days = [
        tuple(
            StatusDay(day.day, hours, 24 - hours, 0, 0) for day, hours in zip(made.items[0].days, pattern, strict=True)
        )
        for pattern in patterns
    ]
    items = tuple(replace(made.items[0], name=f"Station {n}", days=each) for n, each in enumerate(days))
    assert len(items) == services.ITEMS_MOST
    page = render_to_string("sg_status/status/page.html", page_context(replace(made, items=items), "en"))
    assert page.count('role="img"') == services.ITEMS_MOST
    sheet = Path("web/static/roost.css").read_bytes()
    assert len(gzip.compress(page.encode())) + len(gzip.compress(sheet)) < 50_000
