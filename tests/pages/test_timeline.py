"""The timeline of a station's sites: one lane for each site, however many, and forms that keep their input."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from people import station_of
from psycopg.types.range import Range

from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from sg_status.pages.station.timeline import timeline_of

pytestmark = pytest.mark.django_db


def stays(institute, number, *, sites=6, days=60, ends_at=None):
    """A station that stayed at some sites in turn, a week between two stays; it is still at the last."""
    station = station_of(institute, name="Old Cut")
    places = [Site.objects.create(organization=institute, name=f"Site {n}") for n in range(sites)]
    until, moment = None, ends_at or clock.now()
    for n in range(number):
        since = (until or moment) - timedelta(days=days)
        Deployment.objects.create(station=station, site=places[n % sites], period=Range(since, until))
        until = since - timedelta(days=7)
    return station


def error_of(page, field):
    return re.search(rf'id="{field}_error">.*?<span>(.*?)</span>', page, re.DOTALL)[1]


def rows_of(station):
    return list(Deployment.objects.filter(station=station).select_related("site").order_by("-period"))


def test_thirty_stays_at_six_sites_are_six_lanes_on_one_scale(institute):
    rows = rows_of(stays(institute, 30))
    line = timeline_of(rows, moment=clock.now(), timezone="America/Toronto")
    assert [lane.site.name for lane in line.lanes] == [f"Site {n}" for n in range(6)]
    assert [len(lane.bars) for lane in line.lanes] == [5] * 6
    drawn = sorted((bar for lane in line.lanes for bar in lane.bars), key=lambda bar: bar.x)
    assert drawn[0].x == 0
    assert drawn[-1].x + drawn[-1].width == pytest.approx(100, abs=0.1)
    for before, after in pairwise(drawn):
        assert before.x + before.width <= after.x
    assert 2 <= len(line.ticks) <= 5
    assert all(re.fullmatch(r"20\d\d", tick.label) and 0 <= tick.x <= 100 for tick in line.ticks)
    assert line.now is None


@pytest.mark.parametrize("days", [0.01, 1, 3, 8, 30, 90, 200, 400, 1_500, 9_000, 40_000])
def test_any_length_of_time_has_a_few_dates_and_bars_that_can_be_seen(institute, days):
    station = station_of(institute)
    site = Site.objects.create(organization=institute, name="Here")
    moment = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
    Deployment.objects.create(station=station, site=site, period=Range(moment - timedelta(days=days), None))
    line = timeline_of(rows_of(station), moment=moment, timezone="Europe/Berlin")
    assert len(line.ticks) <= 5
    assert len({tick.label for tick in line.ticks}) == len(line.ticks)
    assert all(0 <= tick.x <= 100 for tick in line.ticks)
    (bar,) = line.lanes[0].bars
    assert (bar.x, bar.width) == (0, 100)


def test_an_hour_among_years_and_a_stay_that_is_planned(institute):
    station = station_of(institute)
    site = Site.objects.create(organization=institute, name="Here")
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    hour = Range(moment - timedelta(days=3_000), moment - timedelta(days=3_000, hours=-1))
    for period in (hour, Range(moment + timedelta(days=30), moment + timedelta(days=60))):
        Deployment.objects.create(station=station, site=site, period=period)
    line = timeline_of(rows_of(station), moment=moment, timezone="no such zone")
    planned, short = line.lanes[0].bars
    assert short.width > 0.5
    assert planned.x + planned.width <= 100.1
    assert 95 < line.now < 100


def test_a_station_that_was_nowhere_has_no_timeline(institute, browse, viewer):
    station = station_of(institute)
    assert timeline_of([], moment=clock.now(), timezone="") is None
    page = browse(viewer).get(f"/stations/{station.serial}/deployments/").content.decode()
    assert "This station has no recorded place yet." in page
    assert 'class="timeline"' not in page
    assert 'class="lane"' not in page


def test_the_page_takes_as_many_queries_for_thirty_as_for_three(institute, browse, viewer, queries_of):
    few, many, moment = stays(institute, 3, sites=3), station_of(institute), clock.now()
    Deployment.objects.bulk_create(
        Deployment(
            station=many,
            site=Site.objects.create(organization=institute, name=f"Far {n}"),
            period=Range(moment - timedelta(days=n + 1), moment - timedelta(days=n)),
        )
        for n in range(30)
    )
    client = browse(viewer)
    page = client.get(f"/stations/{many.serial}/deployments/").content.decode()
    # Each lane has its bar, each bar its label, and the table has a row for each stay.
    assert page.count('class="lane"') == 31
    assert (
        len(re.findall(r"<title>Far \d+: \d\d? [A-Z][a-z]{2} \d{4} to \d\d? [A-Z][a-z]{2} \d{4}</title>", page)) == 30
    )
    assert page.count("<tr>") + page.count('<tr class="open">') == 31
    assert queries_of(client, f"/stations/{many.serial}/deployments/") == queries_of(
        client, f"/stations/{few.serial}/deployments/"
    )


def test_a_moment_that_is_none_stays_in_its_field_with_what_is_wrong(institute, browse, operator):
    station = stays(institute, 1)
    deployment = Deployment.objects.get(station=station)
    answer = browse(operator).post(f"/deployments/{deployment.pk}/end/", {"at": "yesterday"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'value="yesterday"' in page
    assert error_of(page, "end_at").startswith("Enter a time like 2026-05-01 12:30.")
    early = browse(operator).post(f"/deployments/{deployment.pk}/end/", {"at": "2001-01-01T00:00"}).content.decode()
    assert 'value="2001-01-01T00:00"' in early
    assert error_of(early, "end_at").startswith("The station was not yet there at that moment")
    deployment.refresh_from_db()
    assert deployment.period.upper is None


def test_a_room_that_is_refused_keeps_what_was_typed(institute, browse, operator):
    site = Site.objects.create(organization=institute, name="Hut")
    typed = {"name": "Attic", "size_sqm": "12.5", "height_m": "tall", "occupancy": "3"}
    page = browse(operator).post(f"/sites/{site.pk}/rooms/", typed).content.decode()
    for kept in ('value="Attic"', 'value="12.5"', 'value="tall"', 'value="3"'):
        assert kept in page
    assert error_of(page, "room_height_m").startswith("Enter a number")
    assert not site.rooms.exists()
    # The site's own form took none of it.
    assert 'value="Hut"' in page
