"""The spine of a station's page: one honest axis, gaps that break the line, marks that lead somewhere and never collide."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.http import QueryDict
from django.utils import timezone
from one_each import incident_open
from pages.busy_stations import command_make, series_make
from people import station_of
from psycopg.types.range import Range

from fleet.alerts.models import Incident
from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.models import Outage
from fleet.deployments.models import Deployment, Site
from fleet.files.models import StationFile
from fleet.stations.models import StationContact, StationDay
from fleet.telemetry.models import DetectionCount, Reading, Series
from sg_status.spine.axis import axis_of
from sg_status.spine.charts import bars_of, line_of, scale_of
from sg_status.spine.happenings import Occurrence, marks_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 10, 14, 12, 30, tzinfo=UTC)


def axis(days=7, moment=NOON):
    return axis_of(QueryDict(f"days={days}"), moment)


def address_of(station, query="") -> str:
    return f"/stations/{station.serial}/{query}"


def hours_make(station, *, start, hours, late=0) -> None:
    """Record data for each hour from `start`; the data of the last `late` hours arrived late."""
    days: dict[object, list[int]] = {}
    for number in range(hours):
        at = start + number * HOUR
        masks = days.setdefault(at.date(), [0, 0])
        masks[0] |= 1 << at.hour
        if number >= hours - late:
            masks[1] |= 1 << at.hour
    for day, (heard, behind) in days.items():
        StationDay.objects.create(station=station, day=day, heard=heard, late=behind)


def hour_now() -> datetime:
    return clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)


# The axis


@pytest.mark.parametrize(("days", "step"), [(7, HOUR), (30, 3 * HOUR), (365, DAY)])
def test_the_axis_ends_a_little_after_now_and_begins_at_a_step(days, step):
    found = axis(days)
    assert found.step == step
    assert (found.start - datetime(2000, 1, 1, tzinfo=UTC)) % step == timedelta()
    assert NOON - found.start <= days * DAY
    assert NOON - found.start > days * DAY - step
    assert 95 < found.now < 98
    assert found.x(NOON + 90 * DAY) == 100


@pytest.mark.parametrize("query", ["", "days=8", "days=-7", "days=x", "days=³"])
def test_a_length_that_is_not_offered_is_a_week(query):
    assert axis_of(QueryDict(query), NOON).days == 7


@pytest.mark.parametrize("days", [7, 30, 365])
@pytest.mark.parametrize("zone", ["UTC", "America/Toronto", "Asia/Kathmandu"])
@pytest.mark.parametrize("hour", [0, 1, 6, 12, 23])
def test_dates_stand_at_the_reader_s_midnights_and_do_not_touch(days, zone, hour):
    with timezone.override(zone):
        found = axis(days, datetime(2026, 3, 12, hour, 7, tzinfo=UTC))
        ticks = found.ticks()
    named = [tick for tick in ticks if tick.label]
    assert len(named) >= 5
    assert all(after.x - before.x > 6 for before, after in pairwise(named))
    assert named[-1].x < found.now - 8
    narrow = [tick for tick in named if tick.is_narrow]
    assert all(after.x - before.x > 12 for before, after in pairwise(narrow))
    assert len(narrow) >= 2


# Marks


def happening(at, label="Send ping", kind="command", **fields) -> Occurrence:
    return Occurrence(kind, at, label, f"{label} at {at:%H:%M}", "/there/", **fields)


def extents(marks):
    """The extent of each mark, including its label, in percent."""
    for mark in marks:
        long = len(mark.label) * 1.06
        left = min(mark.x, mark.label_x - long) if mark.label and mark.is_before else mark.x
        right = mark.label_x + long if mark.label and not mark.is_before else mark.x + mark.width
        yield left, right


@pytest.mark.parametrize("apart", [0.05, 1, 2.5, 4, 7, 11, 19, 40])
def test_labels_never_overlap_however_near_the_marks_are(apart):
    found = axis()
    happenings = [happening(NOON - 6.5 * DAY + number * apart * HOUR) for number in range(40)]
    marks = marks_of(found, [one for one in happenings if one.at < NOON])
    assert sum(mark.count for mark in marks) == len([one for one in happenings if one.at < NOON])
    for (_left, right), (left, _right) in pairwise(extents(marks)):
        assert right <= left + 1e-6
    assert max(right for _left, right in extents(marks)) <= 100


def test_near_marks_are_one_that_says_how_many_and_what():
    found = axis()
    at = NOON - 3 * DAY
    several = [happening(at + number * 10 * timedelta(minutes=1)) for number in range(3)]
    several.append(happening(at + HOUR, "restart", "restart"))
    (mark,) = marks_of(found, several)
    assert mark.label == "3 commands, 1 restart"
    assert mark.told.count("Send ping at") == 3
    assert "restart at" in mark.told
    assert mark.name == f"3 commands, 1 restart: {mark.told}", "the name has the words that are seen"


def test_of_hundreds_in_one_place_the_words_stay_short():
    (mark,) = marks_of(axis(), [happening(NOON - DAY)] * 300)
    assert mark.label == "300 commands"
    assert mark.told.endswith("and 292 more")


def test_a_label_beside_now_stands_before_its_mark():
    (mark,) = marks_of(axis(), [happening(NOON - 2 * HOUR, "Silent", "incident", until=NOON, is_open=True)])
    assert mark.is_before
    assert mark.label == "Silent"
    assert mark.label_x < mark.x
    assert mark.name == mark.told, "the mark's extent begins with the label"


# Charts


def test_a_gap_breaks_the_line_and_a_lone_value_is_seen():
    found = axis()
    hours = [*range(10), *range(40, 50), 100]
    values = [(found.start + hour * HOUR, 12.0 + hour / 100) for hour in hours]
    path = line_of(found, values, scale_of([value for _, value in values]))
    assert path.count("M") == 3
    assert path.count("L") == 18
    assert re.search(r"M[\d.]+ [\d.]+h2$", path)


def test_a_station_that_reports_every_six_hours_has_a_line_without_gaps():
    found = axis()
    values = [(found.start + number * 6 * HOUR, 12.0) for number in range(27)]
    assert line_of(found, values, scale_of([12.0])).count("M") == 1


@pytest.mark.parametrize(
    "values", [[11.4, 14.1], [12.0], [0.0, 0.0], [-84.0, -83.5], [1e9, 2e9], [0.001, 0.0011], [5.0, 5.0, 5.0]]
)
def test_a_scale_encloses_its_values_with_round_figures(values):
    scale = scale_of(values)
    assert scale.low <= min(values)
    assert max(values) <= scale.high
    assert 0 <= scale.y(max(values)) <= scale.y(min(values)) <= 100
    assert scale.low < scale.high
    span = scale.high - scale.low
    assert span <= max(4 * (max(values) - min(values)), 0.06 * max(abs(value) for value in values), 1.1)


@pytest.mark.parametrize("values", [[1.7e308, -1.7e308], [5e-324, 0.0], [1e-310], [1e15, 1e15 + 0.125], [-1e300]])
def test_no_value_is_too_large_or_too_small_for_a_scale(values):
    scale = scale_of(values)
    assert scale.low < scale.high
    assert all(0 <= scale.y(value) <= 100 for value in values)
    assert all(len(scale.words(value)) < 25 for value in values)


def test_noise_does_not_look_like_news():
    scale = scale_of([-84.0, -83.9, -84.1], unit="dBm")
    assert scale.high - scale.low >= 10
    assert abs(scale.y(-84.1) - scale.y(-83.9)) < 3


def test_half_as_many_detections_are_half_as_high_a_bar():
    found = axis()
    counts = [(found.start, 400.0), (found.start + HOUR, 200.0), (found.start + 2 * HOUR, 0.0)]
    tops = [
        float(top) for top in re.findall(r"V([\d.]+)h", bars_of(found, counts, scale_of([400, 200, 0], from_zero=True)))
    ]
    assert tops == [0, 50], "no bar is drawn for zero"


# The page


@pytest.fixture
def station(institute):
    """A station of three days with a silence, a command, an outage of ours, and readings with a gap."""
    station = station_of(institute, state="silent", name="Breakwater")
    now = hour_now()
    StationContact.objects.filter(station=station).update(first_contact_at=now - 70 * HOUR)
    hours_make(station, start=now - 70 * HOUR, hours=65, late=10)
    series = Series.objects.create(
        station=station, name="health/battery_v", unit="V", created_at=now, last_at=now - 5 * HOUR, last_value=11.4,
        last_received_at=now,
    )  # fmt: skip
    Reading.objects.bulk_create(
        Reading(series=series, occurred_at=now - hour * HOUR, received_at=now, value=12.5 - (70 - hour) / 70)
        for hour in range(5, 70)
        if not 30 < hour < 40
    )
    DetectionCount.objects.create(station=station, hour=now - 6 * HOUR, port=1, kind=2, count=214)
    command_make(station, now - 20 * HOUR, state="succeeded")
    Outage.objects.create(name="ingest", started_at=now - 12 * HOUR, ended_at=now - 11 * HOUR)
    incident_open(station=station, rule="silence", sentence="Silent.", moment=clock.now())
    return station


@pytest.mark.django_db
def test_everything_stands_on_one_axis_and_leads_to_its_page(browse, viewer, station):
    page = browse(viewer).get(address_of(station)).content.decode()
    incident, command = Incident.objects.get(), Command.objects.get()
    for address in (f"/incidents/{incident.pk}/", f"/stations/{station.serial}/commands/#c-{command.pk}"):
        assert re.search(rf'<a href="{re.escape(address)}" aria-label="[^"]+">\s*<title>', page)
    assert "Roost itself was down" in page
    assert "Nothing sent in that time is lost." in page
    assert 'class="c1"' in page
    assert 'class="c2"' in page
    assert 'class="c0"' in page
    assert "came later</span>" in page
    assert re.search(r"65 of \d\d hours have arrived since it was added\.", page)
    assert "Battery" in page
    assert "low: 11.8" in page
    assert ">214" in page or "/h</span>" in page
    (now,) = set(re.findall(r'class="nowl" x1="([\d.]+)%"', page))
    assert 95 < float(now) < 98
    line = re.search(r'class="l1" d="([^"]+)"', page)[1]
    assert line.count("M") == 2


@pytest.mark.django_db
def test_without_a_place_there_are_no_nights_and_with_one_only_up_to_a_week(browse, viewer, institute, station):
    client = browse(viewer)
    assert 'class="night"' not in client.get(address_of(station)).content.decode()
    site = Site.objects.create(organization=institute, name="Long Point", latitude=42.56, longitude=-80.29)
    Deployment.objects.create(station=station, site=site, period=Range(clock.now() - 2 * DAY, None))
    week = client.get(address_of(station)).content.decode()
    assert 'class="night"' in week
    assert "At Long Point since" in week
    assert 'class="night"' not in client.get(address_of(station, "?days=30")).content.decode()


@pytest.mark.django_db
def test_starts_are_told_from_the_names_of_its_files(browse, viewer, station):
    now = hour_now()
    for boot, back in ((51, 30), (51, 29), (52, 20), (52, 19), (53, 3)):
        at = now - back * HOUR
        StationFile.objects.create(
            station=station, name=f"{back}", base=f"a-1614BBBK1911-{boot:06}-{at:%Y-%m-%dT%H-%M-%S}.0000Z-all.txt",
            first_received_at=at, last_received_at=at, start_at=at,
        )  # fmt: skip
    page = browse(viewer).get(address_of(station)).content.decode()
    assert page.count("Started again:") >= 3
    assert "restart</span>" in page


@pytest.mark.django_db
@pytest.mark.parametrize("days", [7, 30, 365])
def test_a_year_with_a_thousand_happenings_costs_as_many_queries_and_stays_light(
    browse, viewer, institute, station, queries_of, days
):
    client = browse(viewer)
    few = queries_of(client, address_of(station, f"?days={days}"))
    now = clock.now()
    Command.objects.bulk_create(
        Command(station=station, name="ping", state="succeeded", issued_at=now - number * HOUR, expires_at=now)
        for number in range(300)
    )
    Incident.objects.bulk_create(
        Incident(
            organization=institute, station=station, rule="health_battery", sentence="Low.",
            began_at=now - number * 5 * HOUR, opened_at=now - number * 5 * HOUR, closed_at=now - (number * 5 - 2) * HOUR,
        )
        for number in range(1, 300)
    )  # fmt: skip
    for number in range(20):
        series_make(station, f"air/{number}", now, count=1)
    assert queries_of(client, address_of(station, f"?days={days}")) <= few
    page = client.get(address_of(station, f"?days={days}"))
    assert len(page.content) < 150_000
    if days == 365:
        assert "Not all older marks are shown." in page.content.decode()


@pytest.mark.django_db
def test_a_station_that_measures_air_has_charts_of_what_it_measures(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    now = clock.now()
    for name in ("co2", "pm25", "health/battery_v", "health/disk_percent"):
        series_make(station, name, now)
    charts = browse(viewer).get(address_of(station)).context["spine"].charts
    assert [chart.name for chart in charts] == ["co2", "pm25", "Battery", "Storage"]


@pytest.mark.django_db
def test_a_station_with_nothing_from_the_week_says_so(browse, viewer, institute):
    station = station_of(institute)
    page = browse(viewer).get(address_of(station)).content.decode()
    assert "No readings from this time." in page
    assert "Nothing has arrived from this station in this time." in page


@pytest.mark.django_db
def test_an_incident_shows_the_figure_that_it_is_about_before_and_since(browse, viewer, station):
    client = browse(viewer)
    silence = client.get(f"/incidents/{Incident.objects.get().pk}/")
    around = silence.context["around"]
    assert around.chart.name == "Battery"
    assert around.has_now
    assert "Battery before and since" in silence.content.decode()
    left, width = around.band
    assert left + width == pytest.approx(around.axis.now, abs=0.1)
    Incident.objects.update(rule="hardware_swap")
    assert client.get(f"/incidents/{Incident.objects.get().pk}/").context["around"] is None
