"""Sheets as CSV: figures and times keep their values, no formulas, whole or refused, for those who may see the file."""

import csv
import io

import pytest
from django.test import Client
from files.spreadsheets import book, cells, figures, open_book
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.files.looking import sheets
from fleet.files.models import FileRevision

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def stored(institute, station):
    """Store bytes under a path; return the id of the revision."""

    def store(octets: bytes, path: str) -> int:
        tus = Tus(f"Bearer {key_of(institute, write=True)}")
        assert tus.upload(octets, path, station=station.serial) == "stored"
        return FileRevision.objects.latest("pk").pk

    return store


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def rows(answer) -> list[list[str]]:
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8"), answer.content
    return list(csv.reader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))


@pytest.mark.usefixtures("no_counters")
def test_a_sheet_is_downloaded_with_figures_times_and_no_formulas(stored, watching, station, institute):
    second = (
        cells(1, "=1+1", "mass, g", "-5", "Zürich")
        + figures(2, (-5.0, 0), (17.6, 0), (0.1 + 0.2, 0), (12_345_678_901.0, 0))
        + figures(3, (46_143.0, 1), (46_143.5, 2), (0.25, 3), (1.5, 4))
    )
    number = stored(book(Notes=cells(1, "x"), Birds=second), "2026/birds of May.xlsx")
    page = f"/stations/{station.serial}/files/stored/{number}/"
    answer = watching.get(f"{page}sheet.csv", {"sheet": "2"})
    assert answer["Content-Disposition"] == 'attachment; filename="birds_of_May.xlsx-2.csv"'
    found = rows(answer)
    assert found == [
        ["'=1+1", "mass, g", "'-5", "Zürich"],
        ["-5", "17.6", "0.3", "12345678901"],
        ["2026-05-01", "2026-05-01T12:00:00", "06:00:00", "36:00:00"],
    ]
    key = Client(headers={"Authorization": f"Bearer {key_of(institute)}"})
    api = f"/api/v1/stations/{station.serial}/stored-files"
    (listed,) = key.get(api, {"search": "birds"}).json()["results"]
    assert (listed["id"], listed["path"], listed["revision"]) == (number, "2026/birds of May.xlsx", 1)
    assert rows(key.get(f"{api}/{number}/sheet.csv", {"sheet": 2})) == found
    assert key.get(f"{api}/{number}/sheet.csv", {"sheet": 3}).status_code == 404
    # Without a number, the first sheet is meant; the page says so.
    assert rows(watching.get(f"{page}sheet.csv")) == [["x"]]
    look = watching.get(f"{page}look/", {"sheet": "2"}).content.decode()
    assert f'href="{page}sheet.csv?sheet=2"' in look
    assert "<td>2026-05-01T12:00:00</td>" in look
    assert ">Notes</a>" in look


def test_an_open_document_is_read_too(stored, watching, station):
    number = stored(
        open_book(
            '<table:table-cell office:value-type="date" office:date-value="2026-05-01T06:30:00"/>',
            '<table:table-cell office:value-type="float" office:value="-1.25"/>',
            '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>',
            '<table:table-cell office:value-type="string"><text:p>@sum</text:p></table:table-cell>',
        ),
        "a.ods",
    )
    answer = watching.get(f"/stations/{station.serial}/files/stored/{number}/sheet.csv")
    assert rows(answer) == [["2026-05-01T06:30:00", "-1.25", "TRUE", "'@sum"]]


def test_what_cannot_be_whole_is_refused_with_its_reason(stored, watching, station, monkeypatch):
    monkeypatch.setattr(sheets, "CELLS_MOST", 3)
    large = stored(book(A=cells(1, "a", "b") + cells(2, "c", "d")), "large.xlsx")
    for number, words in (
        (large, "is too large when unpacked"),
        (stored(b"PK no spreadsheet", "broken.xlsx"), "cannot be read"),
        (stored(b"a,b\n", "a.csv"), "Only xls, xlsx and ods files have sheets"),
    ):
        page = f"/stations/{station.serial}/files/stored/{number}/"
        answer = watching.get(f"{page}sheet.csv", follow=True)
        assert answer.redirect_chain == [(f"{page}look/", 302)]
        assert words in answer.content.decode(), words
    assert watching.get(f"/stations/{station.serial}/files/stored/{large}/sheet.csv?sheet=2").status_code == 404
