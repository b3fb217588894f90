"""The beginning of a file: unpacked within bounds, as a table, as text, and as Markdown that can do nothing."""

import gzip
import io

import pytest
from files.spreadsheets import book, cells
from files.tus_asking import Tus
from people import key_of, station_of
from PIL import Image

from fleet.core.errors import InvalidInput
from fleet.files.looking import beginning, previews, sheets, tables
from fleet.files.looking.beginning import Beginning, FileKind, beginning_read, kind_of, text_of
from fleet.files.looking.markdown import markdown_html
from fleet.files.store.contents import content_remove
from fleet.files.store.models import StoredContent, StoredFile
from sg_status.files.quick_plot import quick_plot

REAL_NAME = "changeMe-7F5ERPI46977-000003-2021-12-16T00-25-01.6590Z-all.txt"


@pytest.fixture
def content_of(institute):
    """Store bytes and return their content."""
    station, tus = station_of(institute), Tus(f"Bearer {key_of(institute, write=True)}")

    def store(octets: bytes, path: str) -> StoredContent:
        assert tus.upload(octets, path, station=station.serial) == "stored"
        return StoredContent.objects.get(revisions__file__path=path)

    return store


def table(text: str, name: str = "a.csv") -> tables.LookTable | None:
    return tables.table_read(Beginning(text.encode(), is_whole=True), name)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("a/b.CSV.gz", FileKind.TABLE), ("a.JPG", FileKind.PICTURE), ("x.ods", FileKind.SHEET), ("x.md", FileKind.MARKDOWN), ("csv", FileKind.NONE),
     ("a.txt.gz", FileKind.TEXT), ("a.bin", FileKind.NONE)],
)  # fmt: skip
def test_the_kind_of_a_file_goes_by_its_name(path, kind):
    assert kind_of(path) is kind


@pytest.mark.django_db
def test_only_the_beginning_is_read_and_unpacked(content_of, monkeypatch):
    monkeypatch.setattr(beginning, "LOOK_MOST", 1_000)
    whole = b"0123456789" * 200
    assert beginning_read(content_of(whole[:1_000], "a.txt"), "a.txt") == (whole[:1_000], True, False)
    assert beginning_read(content_of(whole, "b.txt"), "b.txt") == (whole[:1_000], False, False)
    # A bomb yields no more than any other file.
    bomb = gzip.compress(b"0" * 50_000_000)
    assert beginning_read(content_of(bomb, "c.txt.gz"), "c.txt.gz") == (b"0" * 1_000, False, False)
    # Two concatenated gzips, and one that is cut off.
    two = gzip.compress(b"one,") + gzip.compress(b"two")
    assert beginning_read(content_of(two, "d.txt.gz"), "d.txt.gz") == (b"one,two", True, False)
    damaged = gzip.compress(b"good" * 100)[:20] + b"\xff" * 50
    found = beginning_read(content_of(damaged, "e.txt.gz"), "e.txt.gz")
    assert (found.is_whole, found.is_damaged) == (False, True)


@pytest.mark.django_db
def test_the_sha1_is_that_of_the_file(content_of, monkeypatch):
    content = content_of(b"abc", "a.bin")
    assert beginning.sha1_read(content) == "a9993e364706816aba3e25717850c26c9cd0d89d"
    monkeypatch.setattr(beginning, "SHA1_MOST", 2)
    assert beginning.sha1_read(content) == ""


def test_text_is_shown_whatever_its_bytes():
    assert text_of("\ufeffHöfn\r\n\tx".encode()) == "Höfn\n\tx"
    assert text_of("Höfn".encode("latin-1")) == "Höfn"
    assert text_of("Höfn".encode()[:2]) == "H"
    assert text_of(b"a\x00\x1b[31m\x85b") == "a\ufffd\ufffd[31m\ufffdb"


def test_a_table_has_a_cell_for_each_column_and_says_what_it_cuts(monkeypatch):
    found = table('time,"a, b"\n1,2\n\n3\n4,5,6\n')
    assert (found.columns, found.rows) == (["time", "a, b", "3"], [["1", "2", ""], ["3", "", ""], ["4", "5", "6"]])
    assert (found.has_more, found.is_cut) == (False, False)
    assert table("a;b\n1;2\n3;4\n").rows == [["1", "2"], ["3", "4"]]
    assert table("just words") is None
    assert table("") is None
    assert table("a,b\n" + "x" * 300 + ",1\n").is_cut
    assert len(table(",".join("abcdefghij" * 5) + "\n").columns) == tables.COLUMNS_MOST
    monkeypatch.setattr(tables, "ROWS_MOST", 2)
    found = table("a,b\n1,2\n3,4\n5,6\n")
    assert (len(found.rows), found.has_more) == (2, True)


def test_the_last_line_of_a_long_file_is_left_out():
    found = tables.table_read(Beginning(b"a,b\n1,2\n3,", is_whole=False), "a.csv")
    assert (found.rows, found.has_more) == ([["1", "2"]], True)


def test_a_sensorgnomes_lines_are_a_table():
    found = table("p3,1639614302.5266,2.637,-38.87,-53.61\nC,1639614305,2,0\nbroken\n", REAL_NAME)
    assert found.columns[:3] == ["line", "time", "value 1"]
    assert found.rows[0] == ["p3", "2021-12-16 00:25:02.526+00:00", "2.637", "-38.87", "-53.61", "", ""]
    assert found.rows[2][:2] == ["broken", ""]


def test_figures_are_those_of_the_rows_and_sorting_is_by_value():
    found = table("name,value\nb,10\na,9\nc,\nd,-1\n")
    [figures] = tables.statistics_of(found)
    assert (figures.column, figures.number, figures.least, figures.mean, figures.most) == ("value", 3, -1, 6, 10)
    ordered = tables.rows_sorted(found, 1, is_descending=True)
    assert [row[1] for row in ordered] == ["10", "9", "-1", ""]
    assert [row[0] for row in tables.rows_sorted(found, 0, is_descending=False)] == ["a", "b", "c", "d"]
    # A text that is no figure never counts as one.
    assert tables.statistics_of(table("a,b\nnan,x\ninf,1\n")) == []


def test_a_plot_breaks_at_gaps_and_keeps_its_extremes():
    found = quick_plot("x", [0.0, 10.0, None, 5.0])
    assert found.lines == ["0.0,100.0 333.3,0.0", "1000.0,50.0"]
    assert (found.least, found.most) == (0.0, 10.0)
    values = [0.0] * 50_000
    values[777] = 1.0
    found = quick_plot("x", values)
    [line] = found.lines
    assert len(line.split()) <= 1_000
    assert ",0.0" in line
    assert quick_plot("x", [4.0]).lines == ["0.0,100.0"]


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](https://elsewhere.example/a.png)", "<img src=x onerror=y>",
     "[x](data:text/html,<script>)", "<javascript:alert(1)>", "[x](vbscript:y)"],
)  # fmt: skip
def test_markdown_can_do_nothing(hostile):
    html = markdown_html(f"# Title\n\n{hostile}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    for word in ("<script", "<img", 'href="javascript', 'href="data', 'href="vbscript', "onerror=y>"):
        assert word not in html.replace("onerror=y&gt;", "")
    assert "<h1>Title</h1>" in html
    assert "<table>" in html


@pytest.mark.django_db
def test_a_spreadsheet_is_read_in_a_process_of_its_own(content_of):
    found, names = sheets.sheet_read(content_of(book(Birds=cells(1, "tag", "mass") + cells(2, "a1", "17.5")), "a.xlsx"))
    assert (found.columns, found.rows, names) == (["tag", "mass"], [["a1", "17.5"]], ["Birds"])
    with pytest.raises(InvalidInput, match="cannot be read"):
        sheets.sheet_read(content_of(b"PK\x03\x04 not one", "b.xlsx"))


@pytest.mark.django_db
def test_a_picture_that_cannot_be_read_costs_one_process(content_of, monkeypatch):
    content = content_of(b"\xff\xd8 no picture", "a.jpg")
    runs, usual = [], previews.picture_make
    monkeypatch.setattr(previews, "picture_make", lambda **more: runs.append(1) or usual(**more))
    for _ in range(3):
        with pytest.raises(InvalidInput, match="cannot be shown"):
            previews.preview_file(content, "small")
    assert len(runs) == 1


@pytest.mark.django_db
def test_a_picture_is_made_once_and_goes_with_its_content(content_of, monkeypatch):
    made = io.BytesIO()
    Image.new("RGB", (3_000, 1_000), "green").save(made, "PNG")
    content = content_of(made.getvalue(), "a.png")
    small, whole = previews.preview_file(content, "small"), previews.preview_file(content, "whole")
    with Image.open(small) as one, Image.open(whole) as other:
        assert (one.format, max(one.size), max(other.size)) == ("JPEG", 400, 2_048)
    monkeypatch.setattr(previews, "picture_make", None)
    assert previews.preview_file(content, "small") == small
    assert previews.previews_sweep() == 0
    StoredFile.objects.all().delete()
    content_remove(content)
    assert previews.previews_sweep() == 1
    assert not small.exists()
