"""The fleet page: stations that need attention come first, nobody sees another's, and it costs the same for any fleet."""

import re
from datetime import timedelta

import pytest
from pages.busy_stations import EVIL, command_make
from people import station_of

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.core.models import Outage
from fleet.core.pulses import INGEST
from fleet.deployments.models import Deployment, Site
from fleet.stations.models import SavedFilter, StationContact, Tag
from fleet.telemetry.models import DetectionCount

pytestmark = pytest.mark.django_db


def text_of(client, address="/", **options) -> str:
    answer = client.get(address, **options)
    assert answer.status_code == 200
    return answer.content.decode()


def test_who_is_not_logged_in_is_asked_to(client):
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login/?next=/"


def test_a_page_whose_session_is_over_reloads_instead_of_showing_the_login_in_a_part(client):
    answer = client.get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["HX-Refresh"] == "true"


def trouble(station, rule="health_battery", sentence="Its battery is at 11.4 V. Check the panel."):
    moment = clock.now() - timedelta(hours=3)
    return Incident.objects.create(
        organization=station.organization, station=station, rule=rule, sentence=sentence, began_at=moment,
        opened_at=moment,
    )  # fmt: skip


def needs_in(page: str) -> list[str]:
    """The stations that need attention, as text."""
    found = re.search(r'<ul class="need card">(.*?)</ul>', page, re.DOTALL)
    rows = re.findall(r"<li.*?</li>", found[1], re.DOTALL) if found else []
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_the_first_screen_says_which_since_when_why_what_to_do_and_what_else_waits(browse, operator, institute):
    station_of(institute, state="on_time", name="Fine")
    silent = station_of(institute, state="silent", name="Old Cut")
    StationContact.objects.filter(station=silent).update(health={"battery_v": 11.4})
    page = text_of(browse(operator))
    assert "1 of 2 stations needs attention</span>" in page
    (need,) = needs_in(page)
    assert re.match(r"Old Cut Silent since .* \(5 h\)\. It reports every hour and missed ", need)
    assert "The battery was at 11.4 V: check power first." in need
    assert page.index("Old Cut") < page.index("All stations") < page.index(">Fine<")


def test_several_causes_of_a_station_are_one_row_with_one_step(browse, operator, viewer, institute):
    station = station_of(institute, state="on_time", name="Old Cut")
    trouble(station)
    trouble(station, "health_radios", "Its radio on port 3 is not running. Restart it.")
    page = text_of(browse(operator))
    (need,) = needs_in(page)
    assert need.startswith("Old Cut Its battery is at 11.4 V. Since ")
    assert "(3 h). Check the panel. Also: radio off. See battery" in need
    assert "battery low</span>" in page
    assert f'href="/stations/{station.serial}/data/?series=health/battery_v' in page
    seen_by_viewer = text_of(browse(viewer))
    assert "See incident" in needs_in(seen_by_viewer)[0]


def test_the_step_of_a_late_station_is_a_ping_until_one_waits(browse, operator, institute):
    station = station_of(institute, state="late", name="Old Cut")
    client = browse(operator)
    assert f"/stations/{station.serial}/commands/send/ping/" in text_of(client)
    command_make(station, clock.now())
    assert "See command" in needs_in(text_of(client))[0]


def test_of_many_that_need_attention_the_rest_is_one_step_away(browse, viewer, institute):
    for number in range(15):
        station_of(institute, state="silent" if number < 9 else "late", name=f"Place {number:02}")
    page = text_of(browse(viewer))
    assert len(needs_in(page)) == 13
    assert "3 more stations need attention" in page
    assert 'href="?state=attention"' in page
    rest = text_of(browse(viewer), "/?state=attention&as=cards")
    assert rest.count('class="card pad stack tile"') == 15


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        (["on_time", "on_time"], "All 2 stations are fine"),
        (["on_time"], "Your station is fine"),
        (["late"], "Your station needs attention"),
        (["on_time", "never_seen"], "1 of 2 stations are fine, none needs attention"),
        (["late", "silent", "on_time"], "2 of 3 stations need attention"),
        (["never_seen"], "None of your stations has been heard yet"),
        ([], "No station yet. The first takes about ten minutes."),
    ],
)
def test_the_title_is_the_verdict(browse, viewer, institute, states, verdict):
    for state in states:
        station_of(institute, state=state)
    heading = re.search(r"<h1>(.*?)</h1>", text_of(browse(viewer)), re.DOTALL)[1]
    assert f"<span>{verdict}</span>" in heading
    assert ("#ontime" in heading) == (verdict.endswith(" fine") and "none" not in verdict)


def test_counts_are_those_of_the_filters_and_pills_filter_by_state(browse, viewer, institute):
    station_of(institute, state="on_time", name="Fine")
    silent = station_of(institute, state="silent", name="Old Cut")
    Tag.objects.create(organization=institute, name="coast").stations.add(silent)
    client = browse(viewer)
    page = text_of(client, "/?state=on_time")
    assert "1 of 2 stations needs attention" in page
    assert "Old Cut" not in page
    assert 'href="?state=silent"' in page
    tagged = text_of(client, "/?tag=coast")
    assert "Your station needs attention" in tagged
    assert "· coast" in tagged
    assert "No matching stations</span>" in text_of(client, "/?tag=inland")


def test_columns_shape_and_density_are_in_the_address_and_can_be_kept(browse, operator, institute):
    station_of(institute, state="on_time", name="Old Cut")
    client = browse(operator)
    page = text_of(client, "/?show=backlog&show=nonsense&dense=1&sort=-battery")
    assert [key for key in ("a-back", "a-bat", "a-strip", "a-det") if f'{key}" data-label' in page] == ["a-back"]
    assert 'class="fleet dense chosen"' in page
    client.post("/filters/", {"name": "Mine", "query": "show=backlog&show=site&dense=1&as=cards&page=3"})
    kept = SavedFilter.objects.get()
    assert kept.query == "show=backlog&show=site&dense=1&as=cards"
    assert 'aria-current="true">Mine</a>' in text_of(client, f"/?{kept.query}")


def test_the_map_shows_the_stations_of_the_list_in_their_states(browse, viewer, institute, elsewhere):
    here = station_of(institute, state="silent", name="Old Cut")
    station_of(institute, state="on_time", name="Nowhere")
    site = Site.objects.create(organization=institute, name="Cut", latitude=42.58, longitude=-80.39)
    Deployment.objects.create(station=here, site=site, period=(clock.now() - timedelta(days=1), None))
    client = browse(viewer)
    page = text_of(client, "/?as=map")
    assert "<svg" in re.search(r'class="map sheet.*?</div>', page, re.DOTALL)[0]
    assert f"/stations/{here.serial}/" in page
    assert "None of these stations has a place with coordinates yet" in text_of(client, "/?as=map&state=on_time")


def test_our_own_downtime_is_said_and_not_counted_against_stations(browse, viewer, institute):
    station_of(institute, state="on_time")
    moment = clock.now()
    Outage.objects.create(
        name=INGEST, started_at=moment - timedelta(hours=3), ended_at=moment - timedelta(hours=2, minutes=30)
    )
    assert "Nothing that stations sent in that time is lost." in text_of(browse(viewer))


def test_search_finds_name_and_serial_and_says_when_there_is_none(browse, viewer, institute):
    station = station_of(institute, name="Old Cut")
    client = browse(viewer)
    assert "Old Cut" in text_of(client, "/?q=old+c")
    assert "Old Cut" in text_of(client, f"/?q={station.serial.lower()}")
    assert "No matching stations." in text_of(client, "/?q=nowhere")


@pytest.mark.parametrize(
    "address", ["/?state=%00", "/?sort=nonsense", "/?page=999", "/?page=x", "/?q=%00", "/?q=" + "x" * 500]
)
def test_an_address_that_makes_no_sense_still_shows_the_fleet(browse, viewer, institute, address):
    station_of(institute, name="Old Cut")
    text_of(browse(viewer), address)


def test_sorting_by_detections_begins_with_the_most(browse, viewer, institute):
    for name, count in (("Quiet", 3), ("Loud", 4000)):
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        DetectionCount.objects.create(station=station_of(institute, name=name), hour=hour, port=1, kind=1, count=count)
    page = text_of(browse(viewer), "/?sort=-detections")
    assert page.index("Loud") < page.index("Quiet")
    assert 'aria-sort="descending"' in page
    assert "4\u202f000" in page
    assert "bar to 4\u202f000" in page


def test_a_stranger_sees_none_of_it(browse, stranger, institute):
    station = station_of(institute, state="silent", name="Old Cut")
    page = text_of(browse(stranger))
    assert "Old Cut" not in page
    assert station.serial not in page
    assert "No station yet" in page


def test_names_are_shown_and_never_run(browse, viewer, institute):
    station_of(institute, state="silent", name=EVIL)
    for shape in ("list", "cards", "map"):
        assert EVIL not in text_of(browse(viewer), f"/?q=%3Cscript%3E&as={shape}")
    page = text_of(browse(viewer), "/?q=%3Cscript%3E")
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_the_script_of_the_page_gets_only_the_part_that_changes(browse, viewer, institute):
    station_of(institute, name="Old Cut")
    page = text_of(browse(viewer), headers={"HX-Request": "true"})
    assert page.lstrip().startswith('<div id="live"')
    assert "Old Cut" in page
    assert "<html" not in page


def test_fifty_stations_cost_as_many_queries_as_five(browse, viewer, institute, queries_of):
    for _ in range(5):
        station_of(institute, state="silent")
    client = browse(viewer)
    few = queries_of(client, "/")
    for _ in range(45):
        station_of(institute, state="silent")
    assert queries_of(client, "/") == few
    assert few <= 25


def test_more_than_a_page_is_paged(browse, viewer, institute):
    for number in range(51):
        station_of(institute, name=f"Place {number:02}")
    client = browse(viewer)
    assert "Page 1 of 2" in text_of(client)
    second = text_of(client, "/?page=2")
    assert "Place 50" in second
    assert "Place 00" not in second


def test_only_who_may_add_stations_is_offered_it(browse, viewer, operator):
    assert "/stations/add/" not in text_of(browse(viewer))
    assert "/stations/add/" in text_of(browse(operator))
