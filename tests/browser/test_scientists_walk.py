"""A scientist's walk: sign in, pick a site and a spring, get the package, open it with the lines that the page shows."""

import re
import zipfile
from datetime import timedelta

import pytest
from exports.conftest import JUNE, MAY, rows_make
from people import station_of
from playwright.sync_api import Page, expect
from science import said, science_install
from site_processes import running

from fleet.deployments.models import Deployment, Site
from fleet.exports.making import packages_make
from fleet.exports.models import DataPackage
from fleet.telemetry.models import Reading

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_counters")]
PASSWORD = "a long password"
LEFT = JUNE - timedelta(days=7)


@pytest.fixture
def place(institute):
    """Two stations at two sites; the first leaves a week before June."""
    for name, end in (("Old Cut", LEFT), ("Breakwater", None)):
        station = station_of(institute, name=name)
        site = Site.objects.create(organization=institute, name=name, timezone="America/Toronto")
        Deployment.objects.create(station=station, site=site, period=(MAY, end))
        rows_make(station)


@pytest.fixture
def site(transactional_db, collected, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    with running(collected, "site", ROOST_FILES_ROOT=str(settings.MEDIA_ROOT)) as processes:
        yield processes.site


def got(page: Page, site: str, viewer, folder):
    """Go from the sign-in to the unzipped package; return the two blocks of code on the page."""
    viewer.user.set_password(PASSWORD)
    viewer.user.save()
    page.goto(f"{site}/organizations/institute/packages/")
    page.get_by_label("Username").fill(viewer.user.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_label("Site", exact=True).select_option("Old Cut")
    # The labels of days name the zone of the page.
    page.get_by_label(re.compile(r"^From \(")).fill("2026-03-01")
    page.get_by_label(re.compile(r"^To \(")).fill("2026-05-31")
    page.get_by_label("Format", exact=True).select_option("parquet")
    page.get_by_role("button", name="Make the package").click()
    expect(page.get_by_text("The package is being made.")).to_be_visible()
    assert packages_make() == 1
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(folder / "data.zip")
    with zipfile.ZipFile(folder / "data.zip") as archive:
        archive.extractall(folder)
    return [block.inner_text() for block in page.locator("pre code").all()]


def test_the_package_of_a_site_and_a_spring_opens_in_pandas_and_duckdb(place, site, browser, viewer, tmp_path):
    folder = tmp_path / "got"
    folder.mkdir()
    page = browser.new_context(accept_downloads=True).new_page()
    pandas_lines, duckdb_lines = got(page, site, viewer, folder)
    deployment = Deployment.objects.get(site__name="Old Cut")
    rows = Reading.objects.filter(series__station=deployment.station, occurred_at__gte=MAY, occurred_at__lt=LEFT)
    assert 0 < rows.count() < Reading.objects.filter(series__station=deployment.station).count()
    assert DataPackage.objects.get().deployment_ids == [deployment.pk]

    assert (len(pandas_lines.splitlines()), len(duckdb_lines.splitlines())) == (3, 3)
    python = science_install(tmp_path / "science")
    check = "print(len(readings), *readings.station.unique(), readings.value.sum())"
    told = said([str(python), "-c", f"{pandas_lines}\n{check}"], folder=folder)
    total = sum(rows.values_list("value", flat=True))
    assert told.split() == [str(rows.count()), deployment.station.serial, str(total)]
    told = said([str(python), "-c", duckdb_lines], folder=folder)
    assert re.search(rf"{deployment.station.serial}\W+temp\W+[\d.]+", told), told
