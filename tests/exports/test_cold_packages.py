"""A data package has the same rows, in the same order, whether readings and detections are cold or not."""

import zipfile
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from exports.conftest import JULY, MAY
from telemetry.cold_heard import heard_fill, late_hear
from telemetry.cold_months import late_store

from fleet.exports.archive import archive_path
from fleet.exports.making import packages_make
from fleet.exports.models import DataPackage
from fleet.exports.services import package_ask
from fleet.telemetry.cold.services import cold_run
from fleet.telemetry.models import Detection, Reading, Series

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def files_here(settings, tmp_path):
    settings.MEDIA_ROOT, settings.ROOST_COLD_AFTER_MONTHS = tmp_path, 4
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def rows_of(institute, viewer, kind, tmp_path, *, is_clean=False, what="readings") -> object:
    package = package_ask(
        actor=viewer, organization=institute, start=MAY, end=JULY, wanted=kind, kinds=[what], is_clean=is_clean
    )
    packages_make()
    package.refresh_from_db()
    assert package.state == DataPackage.State.DONE, package.reason
    with zipfile.ZipFile(archive_path(package.name)) as archive:
        name = next(one for one in archive.namelist() if one.endswith(f"{what}.{kind}"))
        if kind == "parquet":
            with archive.open(name) as file:
                return pq.read_table(file).to_pylist()
        return archive.read(name)


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_the_same_rows_hot_and_cold(station, institute, viewer, kind, tmp_path):
    series = Series.objects.get(name="temp")
    hot = rows_of(institute, viewer, kind, tmp_path)
    clean = rows_of(institute, viewer, kind, tmp_path, is_clean=True)
    assert cold_run()["Institute"].months == 3
    assert not Reading.objects.filter(series__station=station).exists()
    assert rows_of(institute, viewer, kind, tmp_path) == hot
    assert rows_of(institute, viewer, kind, tmp_path, is_clean=True) == clean
    # A repeat that arrives late is there once, another row in its place.
    late_store(series, [(MAY, 0.0), (MAY + timedelta(minutes=1), 12.75)])
    late = rows_of(institute, viewer, kind, tmp_path)
    assert (
        len(late if kind == "parquet" else late.splitlines()) == len(hot if kind == "parquet" else hot.splitlines()) + 1
    )
    assert "12.75" in str(late)


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_the_same_detections_hot_and_cold(station, institute, viewer, kind, tmp_path):
    heard_fill(station, start=MAY + timedelta(minutes=7), end=JULY, step="3 hours")

    def made(**more):
        found = rows_of(institute, viewer, kind, tmp_path, what="detections", **more)
        # NaN is not equal to itself.
        return [repr(row) for row in found] if kind == "parquet" else found

    hot, clean = made(), made(is_clean=True)
    assert len(hot if kind == "parquet" else hot.splitlines()) > 61 * 8
    assert cold_run()["Institute"].failed == 0
    assert not Detection.objects.filter(station=station).exists()
    assert made() == hot
    assert made(is_clean=True) == clean
    late_hear(station, MAY + timedelta(minutes=1), tag="late", kind=2)
    late = made()
    assert len(late) > len(hot)
    assert "late" in str(late)
