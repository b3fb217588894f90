"""The pages of one station: complete for members, absent for others, and as cheap when it has sent much."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from one_each import incident_open
from pages.busy_stations import EVIL, busy_make, series_make
from people import station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.alerts.models import Incident
from fleet.alerts.services import incident_close
from fleet.core import clock
from fleet.core.models import Outage
from fleet.telemetry.models import DetectionCount, Reading, StationEvent, StreamLedger

pytestmark = pytest.mark.django_db

TABS = ["", "data/", "detections/", "deliveries/", "commands/", "events/", "settings/"]


def address_of(station, tab="") -> str:
    return f"/stations/{station.serial}/{tab}"


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_is_an_address_that_shows_the_sentence(browse, viewer, busy, tab):
    page = browse(viewer).get(address_of(busy, tab)).content.decode()
    assert "On time: last contact" in page
    assert 'aria-current="page"' in page
    assert "battery 11.2" in page


@pytest.mark.parametrize("tab", TABS)
def test_nothing_that_a_station_or_person_wrote_is_run_by_the_browser(browse, operator, busy, tab):
    page = browse(operator).get(address_of(busy, tab)).content.decode()
    assert EVIL not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("tab", [*TABS, "commands/send/ping/", "settings/revoke/", "settings/retire/"])
def test_for_a_stranger_no_page_of_it_exists(browse, stranger, busy, tab):
    answer = browse(stranger).get(address_of(busy, tab))
    assert answer.status_code == 404
    assert "Old Cut" not in answer.content.decode()


@pytest.mark.parametrize("tab", TABS)
def test_a_station_with_ten_times_the_rows_costs_as_many_queries(browse, viewer, institute, queries_of, tab):
    small, large = busy_make(institute, rows=3), busy_make(institute, rows=30)
    client = browse(viewer)
    few = queries_of(client, address_of(small, tab))
    assert queries_of(client, address_of(large, tab)) == few
    # The first page has everything that happened, and still asks no more than this.
    assert few <= (28 if tab == "" else 25)


@pytest.mark.parametrize("tab", TABS)
def test_a_station_that_never_sent_anything_has_all_pages(browse, viewer, institute, tab):
    station = station_of(institute)
    page = browse(viewer).get(address_of(station, tab))
    assert page.status_code == 200
    assert "Never seen" in page.content.decode()


@pytest.mark.parametrize("tab", ["", "data/", "detections/", "deliveries/", "commands/", "events/"])
def test_the_script_gets_only_the_living_part(browse, viewer, busy, tab):
    part = browse(viewer).get(address_of(busy, tab), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="live"')
    assert "<html" not in part


def test_missing_messages_are_told_by_number(browse, viewer, institute):
    station = busy_make(institute, rows=1)
    page = browse(viewer).get(address_of(station, "deliveries/")).content.decode()
    assert "3 messages are missing (5-7); they are still on the station" in page


def test_readings_are_plotted_and_stand_in_a_table_newest_first(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    series_make(station, "air/temperature", clock.now(), count=3)
    page = browse(viewer).get(address_of(station, "data/?series=air/temperature")).content.decode()
    table = page.partition('id="readings-table"')[2]
    assert table.index(">12.5<") < table.index(">13.5<") < table.index(">14.5<")
    assert 'role="img" aria-label="air/temperature: from 12.5\u00a0°C to 14.5\u00a0°C, last 12.5\u00a0°C' in page
    assert "3 readings." in page
    assert "Every reading is drawn." in page


def test_a_pause_is_told_as_a_gap(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    moment = clock.now()
    series = series_make(station, "temperature", moment, count=10)
    Reading.objects.filter(
        series=series, occurred_at__gt=moment - timedelta(minutes=7.5), occurred_at__lt=moment - timedelta(minutes=2.5)
    ).delete()
    page = browse(viewer).get(address_of(station, "data/")).content.decode()
    assert page.count('<tr class="gap">') == 1
    assert "no data for 6 min" in page


def test_what_the_clock_makes_doubtful_is_marked_and_says_why(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    series = series_make(station, "temperature", clock.now())
    Reading.objects.filter(series=series).update(flags=4)
    page = browse(viewer).get(address_of(station, "data/")).content.decode()
    assert page.count('<tr class="suspicious">') == 3
    assert "the station&#x27;s clock was not synchronised" in page


def test_many_readings_are_put_together_with_their_extremes(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    series_make(station, "temperature", clock.now(), count=1200)
    page = browse(viewer).get(address_of(station, "data/?span=24h")).content.decode()
    assert "5-minute means; the shading is from the lowest to the highest reading." in page
    assert "1\u202f200 readings." in page
    assert page.count("<tr") < 150


def test_old_data_is_shown_where_it_is_and_not_as_an_empty_today(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    series_make(station, "temperature", datetime(2021, 12, 17, 3, tzinfo=UTC))
    page = browse(viewer).get(address_of(station, "data/")).content.decode()
    assert 'datetime="2021-12-17T03:00:00Z"' in page.partition('id="readings-table"')[2]
    assert "The newest data is from that time" in page


@pytest.mark.parametrize(
    "query",
    [
        *("series=nope", "series=%00", "span=x", "until=x", "until=0001-01-01T00:00:00Z"),
        *("until=9999-12-31T00:00:00Z", "start=x&end=y", "start=9999-12-31&end=0001-01-01", "with=%00", "page=x"),
        *("start=2026-01-01&end=2026-01-01T00:00:01", "start=1901-01-01&end=8999-12-31", "with=nobody&with=nobody"),
    ],
)
def test_an_address_that_makes_no_sense_is_no_fault_of_ours(browse, viewer, busy, query):
    assert browse(viewer).get(address_of(busy, f"data/?{query}")).status_code in (200, 404)


@pytest.mark.parametrize(
    "query", ["after=x", "after=2026-01-01T00:00:00Z,1,1,99999999999999999999", "tag=%00", "before=x"]
)
def test_a_broken_mark_in_the_address_is_no_fault_of_ours(browse, viewer, busy, query):
    client = browse(viewer)
    assert client.get(address_of(busy, f"detections/?{query}")).status_code == 200
    assert client.get(address_of(busy, f"events/?{query}")).status_code == 200


def test_detections_stand_per_hour_and_port(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for port, kind, back, count in ((1, 2, 0, 5), (3, 1, 0, 1200), (3, 1, 4, 8)):
        DetectionCount.objects.create(
            station=station, hour=hour - timedelta(hours=back), port=port, kind=kind, count=count
        )
    client = browse(viewer)
    page = client.get(address_of(station, "detections/")).content.decode()
    assert "Port 1, tags</th>" in page
    assert "Port 3, pulses</th>" in page
    assert "1\u202f200" in page
    assert "no data for 3 h" in page
    tags = client.get(address_of(station, "detections/?kind=tag")).content.decode()
    assert "Port 3, pulses</th>" not in tags


def test_single_detections_are_paged_without_a_gap_or_a_repeat(browse, viewer, institute):
    station = busy_make(institute, rows=120)
    client = browse(viewer)
    seen: list[str] = []
    address = address_of(station, "detections/?span=24h")
    for _ in range(5):
        context = client.get(address).context
        seen += [str(one.line) for one in context["single"]]
        if not context["cursor"]:
            break
        address = address_of(station, f"detections/?span=24h&after={context['cursor'].replace('+', '%2B')}")
        address += f"&until={context['window'].until}"
    assert seen == [str(n) for n in range(120)]


def test_our_own_downtime_is_on_the_strip(browse, viewer, busy):
    moment = clock.now()
    Outage.objects.create(name="ingest", started_at=moment - timedelta(hours=5), ended_at=moment - timedelta(hours=4))
    page = browse(viewer).get(address_of(busy)).content.decode()
    assert "Roost itself was down: " in page
    assert "(1 h). Nothing sent in that time is lost." in page
    assert "Roost was down</span>" in page


def test_incidents_are_on_the_strip_from_their_beginning_to_their_end(browse, viewer, busy):
    moment = clock.now()
    for begun, ended in ((50, 40), (2, None), (24 * 20, 24 * 19)):
        Incident.objects.create(
            organization=busy.organization,
            station=busy,
            rule="silence",
            sentence=f"Silent {begun}",
            began_at=moment - timedelta(hours=begun),
            opened_at=moment - timedelta(hours=begun),
            closed_at=None if ended is None else moment - timedelta(hours=ended),
        )
    context = browse(viewer).get(address_of(busy)).context
    over, opened = context["spine"].wrong
    assert (over.is_open, opened.is_open) == (False, True)
    assert over.told.endswith("(10 h)")
    assert over.width == pytest.approx(10 / 168 * 96.6, abs=0.2)
    assert opened.x + opened.width == pytest.approx(context["spine"].axis.now, abs=0.1)


def branch_make(station, state="cloned") -> StreamLedger:
    moment = clock.now()
    return StreamLedger.objects.create(
        station=station, stream="a~bb", branch=state, received=Multirange([Range(6, 8)]), messages=2,
        first_at=moment, last_at=moment,
    )  # fmt: skip


def test_what_is_wrong_is_said_on_the_first_page_until_it_is_over(browse, viewer, institute):
    station, neighbour = station_of(institute, state="on_time"), station_of(institute, state="on_time")
    branch_make(station)
    for rule in ("cloned_card", "silence"):
        incident_open(station=station, rule=rule, sentence="As it was.", moment=clock.now())
    first = browse(viewer).get(address_of(station)).content.decode()
    opened = re.findall(r'<span class="st check">.*?<a href="/incidents/\d+/">([^<]+)</a>', first, re.DOTALL)
    assert opened == ["Duplicate identity"]
    assert "Two machines have been sending with this identity" in first
    assert "Decide about the second machine." in first
    assert "second machine" not in browse(viewer).get(address_of(neighbour)).content.decode()
    incident_close(station_id=station.pk, rule="cloned_card", moment=clock.now())
    after = browse(viewer).get(address_of(station))
    assert after.context["opened"] == []
    assert "Decide about the second machine." not in after.content.decode()


def test_a_branch_is_shown_and_decided_about_once(browse, operator, institute):
    station = station_of(institute, state="on_time")
    branch = branch_make(station)
    client = browse(operator)
    page = client.get(address_of(station, "deliveries/")).content.decode()
    assert "A second machine has been sending" in page
    assert "Keep its data as this station" in page
    address = address_of(station, f"deliveries/branches/{branch.pk}/")
    assert "being discarded" in client.post(address, {"decision": "discard"}, follow=True).content.decode()
    branch.refresh_from_db()
    assert branch.branch == "discarded"
    assert "already" in client.post(address, {"decision": "believe"}, follow=True).content.decode()
    branch.refresh_from_db()
    assert branch.branch == "discarded"


def test_deciding_about_a_branch_takes_the_role_and_the_station(browse, viewer, stranger, operator, institute):
    station, other = station_of(institute, state="on_time"), station_of(institute)
    branch = branch_make(station)
    page = browse(viewer).get(address_of(station, "deliveries/")).content.decode()
    assert "Keep its data" not in page
    address = address_of(station, f"deliveries/branches/{branch.pk}/")
    assert browse(viewer).post(address, {"decision": "believe"}).status_code == 403
    assert browse(stranger).post(address, {"decision": "believe"}).status_code == 404
    foreign = address_of(other, f"deliveries/branches/{branch.pk}/")
    assert browse(operator).post(foreign, {"decision": "believe"}).status_code == 404
    trunk = StreamLedger.objects.create(
        station=station, stream="a", received=Multirange([]), first_at=clock.now(), last_at=clock.now()
    )
    whole = address_of(station, f"deliveries/branches/{trunk.pk}/")
    assert browse(operator).post(whole, {"decision": "believe"}).status_code == 404
    branch.refresh_from_db()
    assert branch.branch == "cloned"


def test_what_came_late_is_marked_and_says_by_how_much(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    moment = clock.now()
    series = series_make(station, "temperature", moment, count=3)
    Reading.objects.filter(series=series, occurred_at=moment).update(received_at=moment + timedelta(hours=3))
    page = browse(viewer).get(address_of(station, "data/")).content.decode()
    assert page.count('<tr class="belated">') == 1
    assert "arrived 3 h later" in page


def test_the_clock_is_told_with_its_distance_and_its_jumps(browse, viewer, busy):
    moment = clock.now()
    for number, name in enumerate(("clock_jump", "clock_step", "setting")):
        StationEvent.objects.create(station=busy, name=name, line=number, occurred_at=moment, received_at=moment)
    page = browse(viewer).get(address_of(busy)).content.decode()
    assert "no time source, 2 h behind ours, 2 jumps in 30 days" in page
