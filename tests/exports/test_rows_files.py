"""Rows of a station as a download: the same as in packages, bounded, counted per key, and broken off on failure."""

import json
from datetime import timedelta
from io import BytesIO, StringIO

import httpx
import psutil
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from exports.conftest import JULY, MAY
from people import key_of
from site_processes import running
from waiting import until

from fleet.exports import streaming
from fleet.stations.keys import api_key_create
from fleet.telemetry.models import Reading, Series

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]
SPAN = {"from": MAY.isoformat(), "to": JULY.isoformat()}
KINDS = ("readings", "detections", "positions", "events")
#: More rows than fit into the buffers between two processes.
MANY = 300_000


def client_of(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


@pytest.fixture
def key(institute) -> Client:
    return client_of(key_of(institute))


def place(station, name):
    return f"/api/v1/stations/{station.serial}/rows/{name}"


def whole(answer) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def package(folder, wanted):
    words = [f"--from={MAY.isoformat()}", f"--to={JULY.isoformat()}", f"--format={wanted}", "--json"]
    call_command("export", "write", str(folder), "--organization=Institute", *words, stdout=StringIO())
    return folder


@pytest.mark.parametrize("wanted", ["csv", "ndjson"])
def test_text_is_the_same_as_in_a_package_to_the_byte(station, key, tmp_path, wanted):
    folder = package(tmp_path / "out", wanted)
    for kind in KINDS:
        answer = key.get(place(station, f"{kind}.{wanted}"), SPAN)
        assert answer["Content-Disposition"] == f'attachment; filename="{station.serial}-{kind}.{wanted}"'
        assert whole(answer) == (folder / f"{kind}.{wanted}").read_bytes()


def test_parquet_is_the_same_as_in_a_package(station, key, tmp_path):
    folder = package(tmp_path / "out", "parquet")
    for kind in KINDS:
        answer = key.get(place(station, f"{kind}.parquet"), SPAN, headers={"Accept-Encoding": "gzip"})
        assert answer["Content-Encoding"] == "identity"
        assert pq.read_table(BytesIO(whole(answer))).equals(pq.read_table(folder / f"{kind}.parquet"))


@pytest.mark.parametrize("wanted", ["csv", "ndjson", "parquet"])
def test_small_parts_and_a_spool_on_disk_lose_no_row(station, key, monkeypatch, wanted):
    expected = lines_of(whole(key.get(place(station, f"readings.{wanted}"), SPAN)), wanted)
    monkeypatch.setattr(streaming, "PART_ROWS", 3)
    monkeypatch.setattr(streaming, "_IN_MEMORY", 10)
    found = lines_of(whole(key.get(place(station, f"readings.{wanted}"), SPAN)), wanted)
    assert len(found) >= Reading.objects.count()
    assert sorted(found) == sorted(expected)


def lines_of(data, wanted):
    if wanted == "parquet":
        return [str(row) for row in pq.read_table(BytesIO(data)).to_pylist()]
    return data.decode().splitlines()


def test_one_series_and_a_range(station, key):
    asked = {"from": MAY.isoformat(), "to": (MAY + timedelta(hours=61)).isoformat(), "series": ["temp"]}
    rows = [json.loads(line) for line in whole(key.get(place(station, "readings.ndjson"), asked)).splitlines()]
    assert [(row["series"], row["value"], row["unit"]) for row in rows] == [
        ("temp", number / 4, "Cel") for number in range(3)
    ]


def test_without_rows_there_is_a_heading_or_an_empty_table(station, key):
    none = {"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"}
    assert whole(key.get(place(station, "readings.csv"), none)).startswith(b"station,deployment,at,")
    assert whole(key.get(place(station, "readings.ndjson"), none)) == b""
    assert pq.read_table(BytesIO(whole(key.get(place(station, "readings.parquet"), none)))).num_rows == 0


def test_too_many_rows_are_refused_with_the_way_to_a_package(station, key, monkeypatch):
    monkeypatch.setattr(streaming, "ROWS_MOST", 10)
    answer = key.get(place(station, "readings.csv"), SPAN)
    assert answer.status_code == 400
    assert answer.json()["detail"] == (
        "There are more than 10 rows in this period. Choose a shorter one, or ask for a data package, which has no "
        "such limit: POST /api/v1/organizations/institute/exports, or the page Data packages."
    )
    assert whole(key.get(place(station, "events.csv"), SPAN)).count(b"\n") > 1


def test_rows_count_as_requests_of_the_key(station, key, monkeypatch, settings):
    def left(answer):
        return int(answer["RateLimit"].partition("r=")[2].partition(";")[0])

    settings.ROOST_API_RATE = 9
    first = key.get(place(station, "readings.csv"), SPAN)
    assert left(first) == 8
    whole(first)
    monkeypatch.setattr("rest_api.v1.rows.LIMIT_MOST", 10)
    second = key.get(place(station, "readings.csv"), SPAN)
    assert left(second) == 8 - 1 - Reading.objects.count() // 10
    whole(second)
    whole(key.get(place(station, "readings.csv"), SPAN))
    refused = key.get(place(station, "readings.csv"), SPAN)
    assert refused.status_code == 429
    assert refused["Retry-After"]


def test_a_key_reads_two_at_once_and_its_places_end_with_them(station, key, institute):
    running_ones = [key.get(place(station, "readings.csv"), SPAN) for _ in range(2)]
    refused = key.get(place(station, "readings.csv"), SPAN)
    assert (refused.status_code, "already downloading 2 such files" in refused.json()["detail"]) == (429, True)
    others = [client_of(key_of(institute)) for _ in range(2)]
    running_ones += [one.get(place(station, "events.csv"), SPAN) for one in others]
    refused = others[0].get(place(station, "events.csv"), SPAN)
    assert "4 such files of this organization" in refused.json()["detail"]
    whole(running_ones.pop())
    for one in running_ones:
        one.close()
    del running_ones
    until(lambda: key.get(place(station, "readings.csv"), SPAN).status_code == 200, "the places are free")


def test_strangers_find_nothing_and_a_key_for_the_station_reads(station, institute, elsewhere, key):
    assert client_of(key_of(elsewhere)).get(place(station, "readings.csv"), SPAN).status_code == 404
    limited = api_key_create(organization=institute, name="x", is_read_only=True, serials=[station.serial])[1]
    assert whole(client_of(limited).get(place(station, "events.csv"), SPAN)).count(b"\n") > 1
    assert Client().get(place(station, "readings.csv"), SPAN).status_code == 401


@pytest.mark.parametrize(
    ("name", "more", "status", "said"),
    [
        ("readings.xls", {}, 404, "Formats: csv, parquet, ndjson."),
        ("secrets.csv", {}, 404, "Kinds: readings,"),
        ("readings.csv", {"series": "nothing"}, 400, "None of these stations has a series 'nothing'."),
        ("events.csv", {"series": "temp"}, 400, "Only readings have series"),
        ("readings.csv", {"to": "2026-04-01T00:00:00Z"}, 400, "must be later than"),
        ("readings.csv", {"every": "1h"}, 400, "Unknown name"),
    ],
)
def test_a_wrong_question_is_refused_in_words(station, key, name, more, status, said):
    answer = key.get(place(station, name), {**SPAN, **more})
    assert (answer.status_code, said in answer.content.decode()) == (status, True), answer.content


def test_a_download_that_fails_in_its_middle_is_broken_off_and_memory_is_flat(station, institute, stack, tmp_path):
    series = Series.objects.create(station=station, name="fast", unit="V", created_at=MAY)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "
            "SELECT %s, %s + n * interval '1 second', %s, n, 0 FROM generate_series(1, %s) n",
            [series.pk, MAY, MAY, MANY],
        )
    headers = {"Authorization": f"Bearer {key_of(institute)}", "Accept-Encoding": "identity"}
    with running(tmp_path, "site") as site:
        client = httpx.Client(base_url=site.site, headers=headers, timeout=60, trust_env=False)
        process = psutil.Process(site.processes["site"].pid)
        client.get(place(station, "events.csv"), params=SPAN)
        before = process.memory_info().rss
        answer = client.get(place(station, "readings.csv"), params=SPAN)
        assert answer.content.count(b"\n") == MANY + Reading.objects.exclude(series=series).count() + 1
        assert process.memory_info().rss - before < 40_000_000
        with client.stream("GET", place(station, "readings.csv"), params=SPAN) as slow:
            pieces = slow.iter_raw()
            next(pieces)
            with stack.postgres.connect(connection.settings_dict["NAME"]) as admin:
                # Streams that earlier tests left half read in this process keep a connection until they are garbage.
                newest = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"
                ended = f"SELECT pg_terminate_backend(({newest} ORDER BY backend_start DESC LIMIT 1))"
                assert admin.execute(ended, ["roost-export"]).fetchone() == (True,)
            with pytest.raises(httpx.RemoteProtocolError):
                for _ in pieces:
                    pass
