"""Health marks on pages: in the list and on the station's first page, each with a link to the readings that show it."""

import pytest
from people import station_of
from telemetry.filling_disks import filling

from fleet.core import clock
from fleet.stations.models import StationContact

pytestmark = pytest.mark.django_db


def test_a_disk_that_fills_is_marked_in_the_list_and_on_its_page_with_its_plot(browse, viewer, institute):
    station = filling(institute, clock.now())
    client = browse(viewer)
    plot = f'href="/stations/{station.serial}/data/?series=health/disk_percent"'
    for address in ("/?show=health", f"/stations/{station.serial}/"):
        page = client.get(address).content.decode()
        assert "disk full in 10 days" in page
        assert plot in page


def test_a_station_with_nothing_wrong_says_so_and_one_without_reports_does_not(browse, viewer, institute):
    fine, mute = station_of(institute, state="on_time"), station_of(institute, state="on_time")
    StationContact.objects.filter(station=fine).update(health={"battery_v": 12.9, "disk_percent": 20.0})
    client = browse(viewer)
    assert "Its last report showed nothing wrong." in client.get(f"/stations/{fine.serial}/").content.decode()
    assert "Its last report" not in client.get(f"/stations/{mute.serial}/").content.decode()
