"""Pages about detections answer what biologists ask, keep their filters in the address, and show nobody else's tags."""

import csv
import io
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.urls import reverse
from people import station_of
from telemetry.cold_heard import heard_fill
from telemetry.cold_months import FEBRUARY, MARCH

from fleet.core import clock
from fleet.stations.models import StationDay
from fleet.telemetry import exports
from fleet.telemetry.cold.services import cold_run
from fleet.telemetry.models import Detection, DetectionCount, TagHour, TagHourDue

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
#: A tag as some stations write it.
ODD = "Test/Tags#1.1@166.38:25.1"


def hour_now():
    return clock.now().replace(minute=0, second=0, microsecond=0)


def hear(station, tag, *, back=1, port=1, count=5):
    hour = hour_now() - back * HOUR
    TagHour.objects.create(
        station=station, hour=hour, port=port, tag=tag, count=count, strongest=-61.0,
        first_at=hour + HOUR / 4, last_at=hour + HOUR / 2,
    )  # fmt: skip
    told, _made = DetectionCount.objects.get_or_create(
        station=station, hour=hour, port=port, kind=2, defaults={"count": 0}
    )
    DetectionCount.objects.filter(pk=told.pk).update(count=told.count + count)


def pulses(station, *, port, today, usual, days=14):
    rows = [
        DetectionCount(
            station=station, hour=hour_now() - (back + 1) * HOUR, port=port, kind=1, count=today if back < 24 else usual
        )
        for back in range(24 * (days + 1))
    ]
    DetectionCount.objects.bulk_create(rows)


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


@pytest.fixture
def page_of(browse, viewer, station):
    client = browse(viewer)
    return lambda query="": client.get(f"/stations/{station.serial}/detections/{query}")


def rows_of(answer):
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def shown(answer):
    return [one.row.tag for one in answer.context["tags"].rows]


def test_the_sentence_on_top_says_how_many_tags_and_which_port_is_noisy(page_of, station):
    for number in range(6):
        hear(station, f"7866{number}")
    hear(station, "78660", back=24 * 20)
    pulses(station, port=1, today=100, usual=100)
    pulses(station, port=2, today=1_500, usual=100)
    page = page_of().content.decode()
    assert "6 tags heard in the last 24 hours." in page
    assert "5 of them were heard here for the first time." in page
    assert "Port 2 is 15 times noisier than usual." in page
    assert "Port 2: 36\u202f000 pulses in 24 h, usually 2\u202f400. That is 15 times as many" in page
    assert "Port 1: 2\u202f400 pulses in 24 h, about as usual" in page


def test_no_claim_about_noise_is_made_without_history(page_of, station):
    pulses(station, port=2, today=1_500, usual=100, days=2)
    page = page_of().content.decode()
    assert "The usual number is not known yet: 2 of 5 days with data." in page
    assert "noisier" not in page


def test_each_tag_has_its_ports_and_moments_and_its_own_page(page_of, station):
    hear(station, "78664C33", port=3)
    hear(station, "78664C33", port=1, back=2)
    hear(station, ODD)
    page = page_of().content.decode()
    assert "1, 3</td>" in page
    assert "\u221261\u00a0dBm" in page
    assert f'href="{reverse("heard-tag", args=[ODD])}"' in page


def test_codes_that_were_heard_once_are_told_apart_and_can_be_shown(page_of, station):
    hear(station, "REAL")
    hear(station, "GHOST", count=1)
    answer = page_of()
    assert shown(answer) == ["REAL"]
    assert "One code was heard only once in this period" in answer.content.decode()
    assert sorted(shown(page_of("?codes=all"))) == ["GHOST", "REAL"]


def test_filters_stay_in_every_link_of_the_page(page_of, station):
    for number in range(60):
        hear(station, f"T{number}", port=2, back=number % 20)
    hear(station, "OTHER", port=5)
    Detection.objects.create(
        station=station, occurred_at=hour_now() - HOUR, received_at=clock.now(), line=1, port=2, kind=2, tag="T1"
    )
    answer = page_of("?span=7d&port=2&kind=tag&sort=tag")
    page = answer.content.decode()
    assert "OTHER" not in page
    links = [link.partition('"')[0].replace("&amp;", "&") for link in page.split('href="?')[1:]]
    # Only the link that shows all drops them.
    assert [link for link in links if "span=" in link and not ("kind=tag" in link and "port=" in link)] == [
        "span=7d&sort=tag"
    ]
    assert any("page=2" in link and "sort=tag" in link for link in links)
    (file,) = re.findall(r'href="[^"]*/detections\.csv\?([^"]+)"', page)
    asked = QueryDict(file.replace("&amp;", "&"))
    assert (asked["port"], asked["kind"]) == ("2", "tag")
    # The file has exactly the rows of the page, however long the page has been open.
    assert (asked["start"], asked["end"]) == (
        answer.context["window"].itself.start,
        answer.context["window"].itself.end,
    )
    assert len(shown(page_of("?span=7d&port=2&page=3"))) == 10
    # A page number beyond the end shows the last page.
    assert len(shown(page_of("?span=7d&port=2&page=99"))) == 10


@pytest.mark.parametrize(
    "query", ["port=x", "port=99999", "page=x", "page=0", "page=-1", "page=99999999999", "sort=x", "tag=%00", "span=x"]
)
def test_an_address_that_makes_no_sense_is_no_fault_of_ours(page_of, browse, viewer, station, query):
    hear(station, "A")
    assert page_of(f"?{query}").status_code == 200
    client = browse(viewer)
    assert client.get(f"/detections/?{query}").status_code == 200
    assert client.get(f"/tags/A/?{query}").status_code == 200


def test_pulses_and_tags_stand_apart(page_of, station):
    hear(station, "A", port=1)
    pulses(station, port=2, today=10, usual=10, days=0)
    strips = dict(page_of().context["strips"])
    assert {heading: [row.key for row in heat.rows] for heading, heat in strips.items()} == {
        "Detections of tags": [1],
        "Pulses": [2],
    }
    only = page_of("?kind=pulse")
    assert only.context["tags"] is None
    assert [row.key for heading, heat in only.context["strips"] for row in heat.rows] == [2]


def test_hours_with_detections_are_as_long_as_an_hour_and_hours_without_are_empty(page_of, station):
    for back in (2, 3, 10):
        hear(station, "A", back=back)
    answer = page_of("?span=24h")
    parts, (strip,) = answer.context["parts"], answer.context["strips"][0][1].rows
    ((_opacity, path),) = strip.steps
    step = 1_000 / parts.count
    assert [round(float(x) / step) for x in re.findall(r"M([\d.]+) ", path)] == [
        parts.place(hour_now() - back * HOUR) for back in (10, 3, 2)
    ]
    assert all(0.8 * step < float(width) <= step for width in re.findall(r"0h([\d.]+)v", path))
    assert path in answer.content.decode()


def test_hours_without_data_are_told_from_hours_in_which_nothing_was_heard(page_of, station):
    hear(station, "A", back=2)
    hear(station, "A", back=10)
    quiet = hour_now() - 5 * HOUR
    StationDay.objects.update_or_create(station=station, day=quiet.date(), defaults={"heard": 1 << quiet.hour})
    answer = page_of()
    words = [row.words for row in answer.context["rows"] if row.until]
    assert words == ["no data for 2 h", "nothing heard for 1 h", "no data for 4 h"]
    (strip,) = answer.context["strips"][0][1].rows
    assert strip.missing


def test_hours_from_before_an_update_are_said_to_be_missing(page_of, station):
    hear(station, "A")
    TagHourDue.objects.create(station=station, hour=hour_now())
    assert "One hour from before an update is not counted yet." in page_of().content.decode()


def test_one_tag_is_found_among_pulses_page_by_page(page_of, station):
    moment = hour_now() - HOUR
    for number in range(120):
        Detection.objects.create(
            station=station, occurred_at=moment + timedelta(seconds=number), port=1, kind=1 + (number % 2), line=number,
            received_at=moment, tag="78664C33" if number % 2 else None,
        )  # fmt: skip
    hear(station, "78664C33", back=1, count=60)
    seen, query = [], "?tag=78664c33"
    while query:
        answer = page_of(query)
        seen += [one.line for one in answer.context["single"]]
        cursor = answer.context["cursor"]
        query = f"?tag=78664c33&after={quote(cursor)}&until={answer.context['window'].until}" if cursor else ""
    assert seen == [number for number in range(119, -1, -1) if number % 2]
    assert page_of("?tag=none").context["single"] == []


def test_a_filtered_file_is_only_refused_for_what_it_would_hold(browse, viewer, station, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_MOST", 10)
    moment = hour_now() - HOUR
    Detection.objects.bulk_create(
        Detection(
            station=station, occurred_at=moment + timedelta(seconds=n), port=1, kind=2 if n < 3 else 1, line=n,
            received_at=moment, tag="A" if n < 3 else None,
        )
        for n in range(40)
    )  # fmt: skip
    hear(station, "A", count=3)
    client, base = browse(viewer), f"/stations/{station.serial}/detections.csv?span=24h"
    assert client.get(base).status_code == 302
    assert [row["line"] for row in rows_of(client.get(f"{base}&kind=tag"))] == ["0", "1", "2"]
    assert len(rows_of(client.get(f"{base}&tag=a"))) == 3


def test_the_page_of_all_stations_has_only_those_of_the_viewer(browse, viewer, stranger, station, institute, elsewhere):
    second, foreign = station_of(institute, name="Second"), station_of(elsewhere, name="Foreign")
    hear(station, "SHARED")
    hear(second, "SHARED", count=9)
    hear(second, "MINE")
    hear(foreign, "SHARED", count=1_000)
    hear(foreign, "THEIRS")
    answer = browse(viewer).get("/detections/")
    page = answer.content.decode()
    assert sorted(shown(answer)) == ["MINE", "SHARED"]
    assert "2 tags heard in the last 24 hours" in page
    assert "THEIRS" not in page
    assert "Foreign" not in page
    assert {one.row.tag: one.row.count for one in answer.context["tags"].rows} == {"MINE": 5, "SHARED": 14}
    assert [row.label for row in answer.context["heat"].rows] == ["Second", "Old Cut"]
    assert sorted(shown(browse(stranger).get("/detections/"))) == ["SHARED", "THEIRS"]


def test_stations_narrow_the_page_by_name_or_serial(browse, viewer, station, institute):
    second = station_of(institute, name="Second")
    hear(station, "A")
    hear(second, "B")
    client = browse(viewer)
    assert shown(client.get("/detections/?station=second")) == ["B"]
    assert shown(client.get(f"/detections/?station={station.serial}")) == ["A"]
    assert "No matching stations" in client.get("/detections/?station=nowhere").content.decode()


def test_the_file_of_all_stations_has_every_hour_of_what_is_filtered(browse, viewer, station, institute, elsewhere):
    second, foreign = station_of(institute, name="Second"), station_of(elsewhere)
    hear(station, "A", back=1)
    hear(station, "A", back=2)
    hear(second, "=A+B", port=3)
    hear(foreign, "A")
    client = browse(viewer)
    rows = rows_of(client.get("/detections.csv"))
    assert {(row["station"], row["tag"], row["port"], row["detections"]) for row in rows} == {
        (station.serial, "A", "1", "5"),
        (second.serial, "'=A+B", "3", "5"),
    }
    assert len(rows) == 3
    assert len(rows_of(client.get("/detections.csv?port=3"))) == 1
    assert len(rows_of(client.get("/detections.csv?tag=a&station=old"))) == 2


def test_a_file_that_is_too_long_is_refused_in_a_sentence(browse, viewer, station, monkeypatch):
    hear(station, "A", back=1)
    hear(station, "A", back=2)
    monkeypatch.setattr(exports, "ROWS_MOST", 1)
    answer = browse(viewer).get("/detections.csv?span=24h", follow=True)
    assert answer.redirect_chain[0][0] == "/detections/?span=24h"
    assert "more than 1 rows" in answer.content.decode()


def test_a_tag_has_its_own_page_across_the_stations_of_the_viewer(browse, viewer, station, institute, elsewhere):
    second, foreign = station_of(institute, name="Second"), station_of(elsewhere, name="Foreign")
    hear(station, ODD, back=40)
    hear(station, ODD.upper(), back=41, port=4)
    hear(second, ODD, back=3)
    hear(foreign, ODD, back=1, count=77)
    answer = browse(viewer).get(f"/tags/{quote(ODD, safe='')}/")
    page = answer.content.decode()
    assert [(one.station.name, one.row.count, one.row.hours, one.ports) for one in answer.context["rows"]] == [
        ("Old Cut", 10, 2, "1, 4"),
        ("Second", 5, 1, "1"),
    ]
    assert "Heard at 2 stations," in page
    assert "Foreign" not in page
    assert "77" not in {row["detections"] for row in rows_of(browse(viewer).get(f"/tags/{quote(ODD)}.csv"))}
    recent = browse(viewer).get(f"/tags/{quote(ODD)}/?span=24h")
    assert [one.station.name for one in recent.context["rows"]] == ["Second"]


def test_a_tag_that_only_others_heard_is_as_unknown_as_one_that_nobody_heard(browse, viewer, elsewhere):
    hear(station_of(elsewhere), "THEIRS")
    client = browse(viewer)
    answers = [client.get(f"/tags/{tag}/") for tag in ("THEIRS", "NOBODYS")]
    assert [answer.status_code for answer in answers] == [404, 404]
    told = [re.sub(r'value="\w{64}"|THEIRS|NOBODYS', "", answer.content.decode()) for answer in answers]
    assert told[0] == told[1]
    assert client.get("/tags/THEIRS.csv").status_code == 404
    assert client.get("/tags/%00/").status_code == 404


def test_the_search_finds_a_tag_by_its_whole_code_and_only_if_one_of_ones_own_stations_heard_it(
    browse, viewer, station, elsewhere
):
    hear(station, "78664c33")
    hear(station_of(elsewhere), "THEIRS")
    client = browse(viewer)
    assert 'href="/tags/78664c33/"' in client.get("/search/?q=78664C33").content.decode()
    assert "/tags/" not in client.get("/search/?q=THEIRS").content.decode()


def test_queries_do_not_grow_with_tags_and_stations(browse, viewer, station, institute, queries_of):
    client = browse(viewer)
    addresses = [f"/stations/{station.serial}/detections/?span=7d", "/detections/?span=7d", "/tags/T1/"]
    hear(station, "T1")
    hear(station, "T2")
    few = [queries_of(client, address) for address in addresses]
    for turn in range(12):
        other = station_of(institute)
        # Nobody else heard this tag, as with the first two.
        hear(other, f"OWN{turn}", back=0, count=99)
        for number in range(30):
            hear(other, f"T{number}", back=number)
            hear(station, f"T{turn * 30 + number}", back=number + 40, port=number % 6 + 2)
    assert [queries_of(client, address) for address in addresses] == few


def test_cold_detections_are_on_the_page_as_before_with_a_hint(page_of, station, settings, tmp_path, browse, viewer):
    settings.MEDIA_ROOT, settings.ROOST_COLD_AFTER_MONTHS = tmp_path, 3
    heard_fill(station, start=FEBRUARY, end=MARCH, step="2 hours")
    query = "?start=2026-02-01&end=2026-02-20"

    def seen(query):
        answer = page_of(query)
        return [(one.occurred_at, one.port, one.line, repr(one.sig)) for one in answer.context["single"]], answer

    queries = [query, f"{query}&tag=78664c33", f"{query}&kind=pulse", f"{query}&port=2"]
    hot = [seen(one)[0] for one in queries]
    csv_hot = rows_of(browse(viewer).get(f"/stations/{station.serial}/detections.csv{query}"))
    assert "in cold storage" not in seen(query)[1].content.decode()
    assert cold_run()["Institute"].rows == 28 * 12
    assert not Detection.objects.filter(station=station).exists()
    assert [seen(one)[0] for one in queries] == hot
    assert all(hot)
    assert "Some of them are in cold storage" in seen(query)[1].content.decode()
    assert rows_of(browse(viewer).get(f"/stations/{station.serial}/detections.csv{query}")) == csv_hot
    assert len(csv_hot) > 200
