"""Readings and detections of the page's span as a file: complete, in order, safe in a spreadsheet, or refused in a
sentence.
"""

import csv
import io
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from people import key_of, station_of

from fleet.core import clock
from fleet.telemetry import exports
from fleet.telemetry.models import Detection, DetectionCount, Reading, Series, TagHour

pytestmark = pytest.mark.django_db

MANY = 5_600


def browse(who) -> Client:
    client = Client()
    client.force_login(who.user)
    return client


def rows_of(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith("attachment;")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


@pytest.fixture
def series(station) -> Series:
    """More readings than fit in one chunk, two seconds apart, in a series whose name a spreadsheet would execute."""
    moment = clock.now()
    made = Series.objects.create(
        station=station, name="=cmd/temp", unit="Cel", created_at=moment, last_at=moment, last_received_at=moment
    )
    Reading.objects.bulk_create(
        Reading(
            series=made,
            occurred_at=moment - timedelta(seconds=2 * n),
            received_at=moment,
            value=n,
            flags=4 if n == 0 else 0,
        )
        for n in range(MANY)
    )
    return made


@pytest.fixture
def detections(station) -> None:
    moment = clock.now() - timedelta(minutes=1)
    Detection.objects.bulk_create(
        Detection(
            station=station,
            occurred_at=moment - timedelta(seconds=n // 3),
            port=n % 3,
            kind=1 + n % 2,
            line=n,
            received_at=moment,
            tag="+7866" if n % 2 else None,
            sig=None if n % 2 else -41.5,
            rssi=-75.0 if n % 2 else None,
        )
        for n in range(MANY)
    )
    hours = Counter(
        (row.occurred_at.replace(minute=0, second=0, microsecond=0), row.port, row.kind, row.tag)
        for row in Detection.objects.all()
    )
    for (hour, port, kind, tag), count in hours.items():
        told = {"station": station, "hour": hour, "port": port}
        DetectionCount.objects.create(**told, kind=kind, count=count)
        if tag:
            TagHour.objects.create(**told, tag=tag, count=count, first_at=hour, last_at=hour)


def test_every_reading_of_the_span_is_in_the_file_and_none_is_a_formula(station, series, viewer):
    rows = rows_of(browse(viewer).get(f"/stations/{station.serial}/data.csv?span=24h"))
    assert [float(row["value"]) for row in rows] == [float(n) for n in reversed(range(MANY))]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {row["unit"] for row in rows} == {"Cel"}
    assert {row["series"] for row in rows} == {"'=cmd/temp"}
    assert (rows[-1]["suspicions"], rows[0]["suspicions"]) == ("unsynchronised", "")


def test_the_span_and_the_series_are_those_of_the_page(station, series, viewer):
    other = Series.objects.create(station=station, name="hum", unit="%RH", created_at=clock.now())
    Reading.objects.create(series=other, occurred_at=clock.now(), received_at=clock.now(), value=50.0)
    client = browse(viewer)
    page = client.get(f"/stations/{station.serial}/data/?series=%3Dcmd/temp&span=6h").content.decode()
    address = page.partition(f'href="/stations/{station.serial}/data.csv')[2].partition('"')[0].replace("&amp;", "&")
    assert "span=6h" in address
    rows = rows_of(client.get(f"/stations/{station.serial}/data.csv{address}"))
    assert len(rows) == MANY
    assert rows_of(client.get(f"/stations/{station.serial}/data.csv?series=hum"))[0]["value"] == "50.0"
    assert client.get(f"/stations/{station.serial}/data.csv?series=none").status_code == 404


def test_every_detection_is_in_the_file_filtered_as_the_page(station, detections, viewer):
    client = browse(viewer)
    rows = rows_of(client.get(f"/stations/{station.serial}/detections.csv?span=24h"))
    assert sorted(int(row["line"]) for row in rows) == list(range(MANY))
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    tags = rows_of(client.get(f"/stations/{station.serial}/detections.csv?span=24h&kind=tag"))
    assert {(row["kind"], row["tag"], row["sig_dB"], row["rssi_dBm"]) for row in tags} == {
        ("tag", "'+7866", "", "-75.0")
    }
    assert len(tags) == MANY // 2
    page = client.get(f"/stations/{station.serial}/detections/?kind=tag").content.decode()
    assert re.search(rf'href="/stations/{station.serial}/detections\.csv\?[^"]*kind=tag', page)


@pytest.mark.parametrize("file", ["data", "detections"])
def test_more_rows_than_a_file_has_are_refused_in_a_sentence_on_the_page(
    station, series, detections, viewer, monkeypatch, file
):
    monkeypatch.setattr(exports, "ROWS_MOST", 1_000)
    answer = browse(viewer).get(f"/stations/{station.serial}/{file}.csv?span=24h", follow=True)
    assert answer.redirect_chain[0][0] == f"/stations/{station.serial}/{file}/?span=24h"
    assert "more than 1\u202f000 rows" in answer.content.decode()


def test_the_api_gives_the_same_files(station, series, detections, institute, monkeypatch):
    client = Client(headers={"Authorization": f"Bearer {key_of(institute)}"})
    base = f"/api/v1/stations/{station.serial}"
    assert len(rows_of(client.get(f"{base}/series/%3Dcmd/temp/readings.csv"))) == MANY
    assert len(rows_of(client.get(f"{base}/detections.csv?kind=pulse&port=0"))) == MANY // 6 + 1
    assert client.get(f"{base}/detections.csv?limit=3").status_code == 400
    monkeypatch.setattr(exports, "ROWS_MOST", 1_000)
    told = client.get(f"{base}/detections.csv")
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "from")


@pytest.mark.parametrize("file", ["data.csv", "detections.csv"])
def test_a_stranger_gets_none(station, series, detections, stranger, file):
    assert browse(stranger).get(f"/stations/{station.serial}/{file}").status_code == 404
