"""`export write`: a package read back with the libraries that scientists use, compared with the rows."""

import csv
import hashlib
import json
from datetime import datetime
from io import StringIO

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from exports.conftest import JULY, JUNE, MAY

from fleet.deployments.models import Deployment
from fleet.telemetry.models import Detection, Position, Reading, StationEvent

pytestmark = pytest.mark.django_db(transaction=True)


def export(folder, *words, code=0):
    out, err = StringIO(), StringIO()
    arguments = [
        "write",
        str(folder),
        "--organization=Institute",
        f"--from={MAY.isoformat()}",
        f"--to={JULY.isoformat()}",
    ]
    if code:
        with pytest.raises(SystemExit) as left:
            call_command("export", *arguments, *words, "--json", stdout=out, stderr=err)
        assert left.value.code == code
        return err.getvalue()
    call_command("export", *arguments, *words, "--json", stdout=out, stderr=err)
    return json.loads(out.getvalue())


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def moment(text):
    return datetime.fromisoformat(text)


def test_the_csv_has_every_row_of_every_kind(station, tmp_path):
    export(tmp_path / "out")
    found = table(tmp_path / "out" / "readings.csv")
    stored = Reading.objects.filter(series__station=station).select_related("series")
    assert sorted((moment(r["at"]), moment(r["received_at"]), float(r["value"]), r["unit"]) for r in found) == sorted(
        (one.occurred_at, one.received_at, one.value, one.series.unit) for one in stored
    )
    assert [r["suspicions"] for r in found if r["suspicions"]] == ["future outside"] * 2
    assert len(table(tmp_path / "out" / "detections.csv")) == Detection.objects.count() == 2
    assert len(table(tmp_path / "out" / "positions.csv")) == Position.objects.count() == 2
    (event,) = table(tmp_path / "out" / "events.csv")
    assert json.loads(event["data"]) == StationEvent.objects.get().data


def test_text_of_stations_cannot_become_a_formula(station, tmp_path):
    export(tmp_path / "out")
    tags = [row["tag"] for row in table(tmp_path / "out" / "detections.csv")]
    assert tags == ["", "'-12\"3,4"]
    assert {row["series"] for row in table(tmp_path / "out" / "readings.csv")} == {"temp", "'=cmd()"}


def test_parquet_and_ndjson_have_the_same_rows_with_types(station, tmp_path):
    for wanted in ("parquet", "ndjson"):
        export(tmp_path / wanted, f"--format={wanted}")
    for kind in ("readings", "detections", "positions", "events"):
        rows = pq.read_table(tmp_path / "parquet" / f"{kind}.parquet").to_pylist()
        lines = [json.loads(line) for line in (tmp_path / "ndjson" / f"{kind}.ndjson").read_text().splitlines()]
        assert rows
        for row in lines:
            row["at"], row["received_at"] = moment(row["at"]), moment(row["received_at"])
        assert rows == lines
    tags = pq.read_table(tmp_path / "parquet" / "detections.parquet")["tag"].to_pylist()
    assert tags == [None, '-12"3,4']
    assert str(pq.read_schema(tmp_path / "parquet" / "readings.parquet").field("at").type) == "timestamp[us, tz=UTC]"


def test_each_row_names_its_deployment_and_the_time_at_its_place(station, tmp_path):
    export(tmp_path / "csv", "--local", "--kind=readings", "--series=temp")
    export(tmp_path / "parquet", "--local", "--kind=readings", "--series=temp", "--format=parquet")
    first, second = Deployment.objects.order_by("period").values_list("pk", flat=True)
    rows = table(tmp_path / "csv" / "readings.csv")
    expected = {str(first): "2026-04-30 20:00:00", "": "2026-05-25", str(second): "2026-06-01"}
    assert [row["deployment"] for row in rows] == sorted([row["deployment"] for row in rows], key=list(expected).index)
    assert rows[0]["local_at"] == expected[str(first)]
    berne = next(row for row in rows if row["deployment"] == str(second))
    assert moment(berne["local_at"]) - moment(berne["at"]).replace(tzinfo=None) == moment("2026-01-01T02:00") - moment(
        "2026-01-01T00:00"
    )
    typed = pq.read_table(tmp_path / "parquet" / "readings.parquet").to_pylist()
    assert [(str(r["deployment"] or ""), r["local_at"]) for r in typed] == [
        (row["deployment"], moment(row["local_at"])) for row in rows
    ]


def test_chosen_deployments_limit_the_rows_to_their_time(station, tmp_path):
    second = Deployment.objects.order_by("period").last()
    done = export(tmp_path / "out", f"--deployment={second.pk}", "--kind=readings")
    assert done["rows"] == Reading.objects.filter(occurred_at__gte=JUNE, occurred_at__lt=JULY).count() > 0
    assert [row["deployment"] for row in table(tmp_path / "out" / "deployments.csv")] == [str(second.pk)]


@pytest.mark.parametrize("wanted", ["csv", "parquet", "ndjson"])
def test_a_clean_package_says_how_many_rows_it_leaves_out(station, tmp_path, wanted):
    export(tmp_path / "out", "--clean", f"--format={wanted}")
    document = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert document["roost"]["rows_left_out"]["readings"] == 2
    assert document["roost"]["rows_left_out"]["positions"] == 1
    counts = {one["name"]: one["roost:rows"] for one in document["resources"]}
    assert counts["readings"] + 2 == Reading.objects.count()
    assert counts["positions"] + 1 == Position.objects.count()


def test_the_description_fits_the_files(station, tmp_path):
    export(tmp_path / "out", "--licence=CC-BY-4.0", "--citation=Institute 2026")
    document = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert document["licenses"][0]["name"] == "CC-BY-4.0"
    assert "Cite as: Institute 2026" in document["description"]
    assert "retention removed before are not in it" in document["roost"]["note"]
    assert {one["path"] for one in document["resources"]} | {"datapackage.json"} == {
        path.name for path in (tmp_path / "out").iterdir()
    }
    for one in document["resources"]:
        data = (tmp_path / "out" / one["path"]).read_bytes()
        assert one["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert one["bytes"] == len(data)
        if one["format"] == "csv":
            rows = table(tmp_path / "out" / one["path"])
            assert len(rows) == one["roost:rows"]
            head = (tmp_path / "out" / one["path"]).read_text().splitlines()[0]
            assert head.split(",") == [field["name"] for field in one["schema"]["fields"]]
    places = json.loads((tmp_path / "out" / "places.geojson").read_text())
    assert [one["geometry"]["coordinates"] for one in places["features"]] == [[-80.4, 42.58]] * 2


def test_without_a_licence_the_package_says_so(station, tmp_path):
    export(tmp_path / "out", "--kind=events")
    document = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert "licenses" not in document
    assert document["description"].startswith("The organization chose no licence: ask it")


def test_rows_of_others_stay_out(station, elsewhere, tmp_path):
    from exports.conftest import rows_make
    from people import station_of

    theirs = station_of(elsewhere)
    rows_make(theirs)
    export(tmp_path / "out")
    for kind in ("readings", "detections", "positions", "events"):
        assert {row["station"] for row in table(tmp_path / "out" / f"{kind}.csv")} == {station.serial}
    assert "has no station" in export(tmp_path / "no", f"--station={theirs.serial}", code=2)
    assert not (tmp_path / "no").exists()


def test_a_package_that_fails_leaves_no_folder(station, tmp_path, monkeypatch):
    from fleet.exports import package

    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package, "places_geojson", fail)
    with pytest.raises(OSError, match="No space"):
        export(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--series=nothing"], "None of these stations has a series 'nothing'."),
        (["--deployment=999999"], "Institute has no deployment 999999."),
        (["--to=2026-04-01"], "`to` must be later than `from`."),
        (["--from=1900-01-01"], "at most 30 years"),
    ],
)
def test_a_wrong_question_is_refused_in_words(station, tmp_path, words, said):
    assert said in export(tmp_path / "out", *words, code=2)
