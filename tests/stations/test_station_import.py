"""Lists of stations: good lines are imported, errors are reported by line and column, in any file format."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from people import station_of

from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput
from fleet.core.models import AuditEntry
from fleet.deployments.models import Deployment, Site
from fleet.deployments.station_import import station_import
from fleet.stations.joining import import_file
from fleet.stations.joining.claims import claim_open
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import EnrolmentToken, Station, StationContact
from fleet.stations.sorting.device_models import model_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def do(institute, operator):
    def run(content, **options):
        raw = content if isinstance(content, bytes) else content.encode()
        options = {"is_dry_run": False, **options}
        return station_import(actor=operator, organization=institute, content=raw, **options)

    return run


def told(report):
    return [(one.line, one.column, one.value) for one in report.problems]


def test_every_column_arrives(do, institute, operator):
    site = Site.objects.create(organization=institute, name="Old Cut")
    model_create(actor=operator, organization=institute, name="Our Box", kind="receiver")
    content = 'serial,name,model,site,notes,tags\nSG-7F5ERPI46977,Kent,our box,old cut,"a, ""b""\nc",coast; solar\n'
    report = do(content)
    assert (report.imported, report.problems, report.warnings) == (1, [], [])
    station = Station.objects.get()
    assert (station.name, station.notes, station.model.name) == ("Kent", 'a, "b"\nc', "Our Box")
    assert sorted(station.tags.values_list("name", flat=True)) == ["coast", "solar"]
    assert Deployment.objects.get().site == site
    assert StationContact.objects.get().state == "never_seen"
    assert AuditEntry.objects.get(action="station.import").detail["serials"] == ["SG-7F5ERPI46977"]


@pytest.mark.parametrize(
    "content",
    [
        "serial;name\r\nSG-7F5ERPI46977;Zürich\r\n".encode("utf-8-sig"),
        "serial;name\r\nSG-7F5ERPI46977;Zürich\r\n".encode("latin-1"),
        "serial\tname\nSG-7F5ERPI46977\tZürich".encode("utf-16"),
        "\n Serial ,NAME,\n\nSG-7F5ERPI46977, Zürich ,\n,,\n".encode(),
        '"serial","name"\r"SG-7F5ERPI46977","Zürich"\r'.encode(),
    ],
)
def test_a_list_may_be_written_as_spreadsheets_do(do, content):
    assert do(content).problems == []
    assert Station.objects.get().name == "Zürich"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has a column `serial`"),
        (b"name\nKent\n", "has a column `serial`"),
        (b"serial,serial\na,b\n", "appears twice"),
        (b"serial\n\x00\n", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00", "not a text file"),
        (b"PK\x03\x04\x00\x00", "not a text file"),
        (b"\xff\xfea", "not a text file"),
        (b"serial,name\nSG-1," + b'"' + b"x" * 200_000, "Line 2 cannot be read"),
        (b"serial\n" + b"x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_what_is_no_list_is_refused_whole(do, content, words):
    with pytest.raises(InvalidInput, match=words):
        do(content)
    assert not Station.objects.exists()


def test_each_bad_line_is_told_with_its_place_and_its_neighbours_go_in(do, elsewhere, institute):
    foreign, own = station_of(elsewhere), station_of(institute)
    lines = [
        "serial,name,colour,site,model,tags",
        "SG-7F5ERPI46977,Good,red,,,",
        "not a serial,,,,,",
        ",Nameless,,,,",
        "sg-7f5erpi46977,Twice,,,,",
        f"{foreign.serial.lower()},Theirs,,,,",
        f"{own.serial},Ours,,,,",
        "SG-7F5ERPI46978," + "x" * 121 + ",,,,",
        "SG-7F5ERPI46979,,,Nowhere,,",
        "SG-7F5ERPI46980,,,,Nothing,",
        "SG-7F5ERPI46981,,,,," + "x" * 41,
        "SG-7F5ERPI46982,Smith, John,,,,,more",
        "import,,,,,",
        "=1+1,=cmd|' /C calc'!A0,,,,",
        '"SG-7F5ERPI46983","two\nlines",,,,',
        "SG-7F5ERPI46984,Good too,,,,",
    ]
    report = do("\n".join(lines))
    assert [place[:2] for place in told(report)] == [
        (3, "serial"),
        (4, "serial"),
        (5, "serial"),
        (6, "serial"),
        (7, "serial"),
        (8, "name"),
        (9, "site"),
        (10, "model"),
        (11, "tags"),
        (12, "serial"),
        (13, "serial"),
        (14, "serial"),
        (15, "name"),
    ]
    assert report.unknown_columns == ["colour"]
    assert (report.line_count, report.good, report.imported) == (15, 2, 2)
    sentences = {one.line: one.sentence for one in report.problems}
    # The report does not reveal whose the taken serial is.
    assert sentences[6] == sentences[7]
    assert "line 2" in sentences[5]


def test_a_check_writes_nothing_and_all_or_nothing_is_kept(do):
    content = "serial\nSG-7F5ERPI46977\nbad one\n"
    looked = do(content, is_dry_run=True, with_tokens=True)
    assert (looked.good, looked.imported, looked.tokens) == (1, 0, [])
    strict = do(content, all_or_nothing=True)
    assert (strict.good, strict.imported) == (1, 0)
    assert not Station.objects.exists()
    assert not AuditEntry.objects.filter(action="station.import").exists()
    assert do(content).imported == 1


def test_tokens_are_told_once_and_work(do):
    report = do("serial,name\nSG-7F5ERPI46977,Kent\nSG-7F5ERPI46978,Old Cut\n", with_tokens=True)
    assert [one.serial for one in report.tokens] == ["SG-7F5ERPI46977", "SG-7F5ERPI46978"]
    for one in report.tokens:
        assert EnrolmentToken.objects.get(token_hash=token_hash(one.token)).station.serial == one.serial
    assert report.tokens[0].token not in str(list(EnrolmentToken.objects.values()))


def test_serials_of_no_known_maker_are_warned_of(do):
    report = do("serial\nTEMP16\nCTT-V3023D3B51A4\nLotek-208\nSEI_A_ABCDEFGH1\nSG-5113BBBK2972\n")
    assert (report.imported, [one.line for one in report.warnings]) == (5, [2])


def test_only_operators_import(institute, viewer, stranger):
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            station_import(actor=who, organization=institute, content=b"serial\nSG-1\n", is_dry_run=True)


def many(count, bad):
    every = count // bad
    serials = ["bad one" if n % every == 0 else f"SG-{n:04X}RPI4{n:04X}" for n in range(count)]
    return "serial,name,tags\n" + "".join(f"{serial},Station {n},t{n % 7}\n" for n, serial in enumerate(serials))


def test_a_thousand_lines_cost_queries_by_the_chunk(do, django_assert_max_num_queries):
    with django_assert_max_num_queries(40) as asked:
        report = do(many(1_000, 20), with_tokens=True)
    assert (report.imported, len(report.problems), len(report.tokens)) == (980, 20, 980)
    assert Station.objects.count() == 980
    print(len(asked.captured_queries))


def test_the_number_of_lines_is_bounded(do, monkeypatch):
    monkeypatch.setattr(import_file, "LINES_MOST", 10)
    assert do(many(10, 1), is_dry_run=True).line_count == 10
    with pytest.raises(InvalidInput, match="more than 10"):
        do(many(11, 1), is_dry_run=True)


def say(*words):
    out = StringIO()
    call_command("station", *words, stdout=out)
    return out.getvalue()


def test_a_list_is_imported_from_the_command_line_with_its_tokens_in_a_file(institute, tmp_path):
    good, bad, tokens = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "tokens.csv"
    good.write_text("serial,name\nSG-7F5ERPI46977,=1+1\n")
    bad.write_text("serial,hue\nbad one,red\n")
    words = ("--organization", "Institute", "--json")
    assert json.loads(say("import", str(good), *words, "--dry-run", "--tokens", str(tokens)))["good"] == 1
    assert not tokens.exists()
    told = say("import", str(good), *words, "--tokens", str(tokens))
    assert json.loads(told)["imported"] == 1
    lines = tokens.read_text().splitlines()
    assert lines[1].startswith("SG-7F5ERPI46977,'=1+1,")
    token = lines[1].split(",")[2]
    assert EnrolmentToken.objects.get(token_hash=token_hash(token))
    assert token not in told
    assert tokens.stat().st_mode & 0o077 == 0
    with pytest.raises(SystemExit) as left_out:
        say("import", str(bad), "--organization", "Institute")
    assert left_out.value.code == 1


@pytest.mark.parametrize("file", ["nothing.csv", "."])
def test_a_file_that_cannot_be_read_is_wrong_use(institute, tmp_path, file, capsys):
    with pytest.raises(SystemExit) as wrong:
        say("import", str(tmp_path / file), "--organization", "Institute")
    assert wrong.value.code == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_device_is_claimed_from_the_command_line(institute, no_counters, capsys):
    newcomer, _secret, code = claim_open(serial="SG-7F5ERPI46977", hardware={})
    told = json.loads(say("claim", code, "--organization", "Institute", "--name", "Kent", "--json"))
    assert told == {"serial": newcomer.serial, "organization": "Institute"}
    with pytest.raises(SystemExit) as used:
        say("claim", code, "--organization", "Institute")
    assert used.value.code == 2
    assert "No device is showing this code now" in capsys.readouterr().err


def test_a_retired_station_s_serial_is_free_for_the_list(do, institute, elsewhere, operator):
    old = station_of(elsewhere, name="Theirs")
    Station.objects.filter(pk=old.pk).update(retired_at=clock.now())
    report = do(f"serial,name,notes\n{old.serial},Ours,n\nSG-7F5ERPI46977,,\n", with_tokens=True)
    assert (report.imported, report.problems) == (2, [])
    mine = Station.objects.get(serial=old.serial)
    assert (mine.name, mine.notes, mine.organization) == ("Ours", "n", institute)
    assert [one.serial for one in report.tokens] == [old.serial, "SG-7F5ERPI46977"]
    old.refresh_from_db()
    assert (old.serial, old.organization) == (f"{mine.serial}~1", elsewhere)


WINDOWS = "serial;name;notes\r\nSG-7F5ERPI46977;Möwe’s – 5 € Point;a – b\r\n"  # noqa: RUF001 - what Windows writes


@pytest.mark.parametrize(
    "content",
    [
        WINDOWS.encode("cp1252"),
        ("sep=;\r\n" + WINDOWS).encode("cp1252"),
        ('"sep=;"\r\n' + WINDOWS).encode("utf-8-sig"),
        ("SEP=;\r\n" + WINDOWS).encode("utf-16"),
        WINDOWS.encode("utf-16-le"),
        WINDOWS.encode("utf-16-be"),
        WINDOWS.replace(";", "|").encode(),
        ("sep=^\r\n" + WINDOWS.replace(";", "^")).encode(),
    ],
)
def test_apostrophes_dashes_and_euro_signs_stay_whatever_windows_wrote(do, content):
    report = do(content)
    assert (report.problems, report.warnings) == ([], [])
    station = Station.objects.get()
    assert (station.name, station.notes) == tuple(WINDOWS.split("\r\n")[1].split(";")[1:])


def test_columns_that_are_not_read_are_named_and_beyond_twenty_counted(do):
    names = [f"extra {number}" for number in range(25)]
    report = do(f"serial,{','.join(names)}\nSG-7F5ERPI46977{',x' * 25}\n")
    assert report.unknown_columns == [*names[:20], "5 more"]
    assert do("serial,colour\nSG-7F5ERPI46978,red\n").unknown_columns == ["colour"]


def test_title_lines_above_the_heading_are_left_out_with_a_word(do):
    titles = "Stations of the Old Cut, a, b, c, d\n\n;as of 2026-11-01, printed\n"
    report = do(titles + "serial;name\nSG-7F5ERPI46977;Kent, south\n")
    assert report.imported == 1
    assert Station.objects.get().name == "Kent, south"
    assert [(one.line, one.value) for one in report.warnings] == [
        (1, "Stations of the Old Cut, a, b, c, d"),
        (3, " as of 2026-11-01, printed"),
    ]
    with pytest.raises(InvalidInput, match="None of the first 20 lines has a column"):
        do("\n".join(["title"] * 20 + ["serial", "SG-7F5ERPI46978"]))


def test_a_damaged_byte_costs_its_line_and_not_the_umlauts_of_the_others(do):
    good = "serial,name\nSG-7F5ERPI46977,Zürich Höngg\n".encode()
    report = do(good + b"SG-7F5ERPI46978,K\xffln\n" + "SG-7F5ERPI46979,Föhr\n".encode())
    assert told(report) == [(3, "name", "K\ufffdln")]
    assert "save the list as CSV in UTF-8" in report.problems[0].sentence
    assert set(Station.objects.values_list("name", flat=True)) == {"Zürich Höngg", "Föhr"}
    # Bytes that are undefined in Windows-1252 as well.
    assert told(do(b"serial,name\nSG-7F5ERPI46980,K\x81ln \xfc\n")) == [(2, "name", "K\ufffdln ü")]


def test_notes_are_checked_like_names_but_may_have_lines(do):
    shown = "first\r\nsecond\tline \U0001f468\u200d\U0001f33e"
    report = do(
        f'serial,notes\nSG-7F5ERPI46977,"{shown}"\nSG-7F5ERPI46978,bell\x07\nSG-7F5ERPI46979,turned \u202eround\n'
        f"SG-7F5ERPI46980,{'x' * 10_001}\n"
    )
    assert [place[:2] for place in told(report)] == [(4, "notes"), (5, "notes"), (6, "notes")]
    assert Station.objects.get().notes == shown.replace("\r\n", "\n")


def test_a_blank_that_cannot_be_told_from_others_is_one(do):
    do("serial,name,tags\n\u00a0SG-7F5ERPI46977\u00a0,Old\u00a0Cut,coast;\u202fsolar\n")
    station = Station.objects.get()
    assert station.name == "Old Cut"
    assert sorted(station.tags.values_list("name", flat=True)) == ["coast", "solar"]
