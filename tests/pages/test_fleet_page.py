"""The fleet page: stations that need attention come first, nobody sees another's, and it costs the same for any fleet."""

import pytest
from pages.busy_stations import EVIL
from people import station_of

from fleet.core import clock
from fleet.telemetry.models import DetectionCount

pytestmark = pytest.mark.django_db


def text_of(client, address="/", **options) -> str:
    answer = client.get(address, **options)
    assert answer.status_code == 200
    return answer.content.decode()


def test_who_is_not_logged_in_is_asked_to(client):
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login/?next=/"


def test_a_page_whose_session_is_over_reloads_instead_of_showing_the_login_in_a_part(client):
    answer = client.get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["HX-Refresh"] == "true"


def test_silent_stations_come_first_with_their_sentence(browse, viewer, institute):
    station_of(institute, state="on_time", name="Fine")
    station_of(institute, state="silent", name="Old Cut")
    page = text_of(browse(viewer))
    assert page.index("Need attention") < page.index("Old Cut") < page.index("All stations") < page.index("Fine")
    assert "Silent since" in page
    assert "check its network and power" in page


def test_totals_are_filters(browse, viewer, institute):
    station_of(institute, state="on_time", name="Fine")
    station_of(institute, state="silent", name="Old Cut")
    page = text_of(browse(viewer), "/?state=silent")
    assert "Old Cut" in page
    assert "Fine" not in page
    assert 'href="?state=on_time"' in page


def test_search_finds_name_and_serial_and_says_when_there_is_none(browse, viewer, institute):
    station = station_of(institute, name="Old Cut")
    client = browse(viewer)
    assert "Old Cut" in text_of(client, "/?q=old+c")
    assert "Old Cut" in text_of(client, f"/?q={station.serial.lower()}")
    assert "No matching stations" in text_of(client, "/?q=nowhere")


@pytest.mark.parametrize(
    "address", ["/?state=%00", "/?sort=nonsense", "/?page=999", "/?page=x", "/?q=%00", "/?q=" + "x" * 500]
)
def test_an_address_that_makes_no_sense_still_shows_the_fleet(browse, viewer, institute, address):
    station_of(institute, name="Old Cut")
    text_of(browse(viewer), address)


def test_sorting_by_detections_begins_with_the_most(browse, viewer, institute):
    for name, count in (("Quiet", 3), ("Loud", 4000)):
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        DetectionCount.objects.create(station=station_of(institute, name=name), hour=hour, port=1, kind=1, count=count)
    page = text_of(browse(viewer), "/?sort=-detections")
    assert page.index("Loud") < page.index("Quiet")
    assert 'aria-sort="descending"' in page
    assert "4\u202f000" in page


def test_a_stranger_sees_none_of_it(browse, stranger, institute):
    station = station_of(institute, state="silent", name="Old Cut")
    page = text_of(browse(stranger))
    assert "Old Cut" not in page
    assert station.serial not in page
    assert "There are no stations yet" in page


def test_names_are_shown_and_never_run(browse, viewer, institute):
    station_of(institute, state="silent", name=EVIL)
    page = text_of(browse(viewer), "/?q=%3Cscript%3E")
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_the_script_of_the_page_gets_only_the_part_that_changes(browse, viewer, institute):
    station_of(institute, name="Old Cut")
    page = text_of(browse(viewer), headers={"HX-Request": "true"})
    assert page.lstrip().startswith('<div id="live"')
    assert "Old Cut" in page
    assert "<html" not in page


def test_fifty_stations_cost_as_many_queries_as_five(browse, viewer, institute, queries_of):
    for _ in range(5):
        station_of(institute, state="silent")
    client = browse(viewer)
    few = queries_of(client, "/")
    for _ in range(45):
        station_of(institute, state="silent")
    assert queries_of(client, "/") == few
    assert few <= 14


def test_more_than_a_page_is_paged(browse, viewer, institute):
    for number in range(51):
        station_of(institute, name=f"Place {number:02}")
    client = browse(viewer)
    assert "Page 1 of 2" in text_of(client)
    second = text_of(client, "/?page=2")
    assert "Place 50" in second
    assert "Place 00" not in second


def test_only_who_may_add_stations_is_offered_it(browse, viewer, operator):
    assert "/stations/add/" not in text_of(browse(viewer))
    assert "/stations/add/" in text_of(browse(operator))
