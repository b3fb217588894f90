"""The page that reads stored files, without scripts: ask, answer, follow, stop."""

from collections import Counter

import pytest
from agent.test_replay import grep_counted
from backfill.conftest import rows, sent, store, store_card, surveyed, worked
from cards.conftest import LINES, OTHER, REAL_CARD, file_name, hour_text
from django.test import Client
from files.tus_asking import Tus
from people import key_of, no_counters, person, station_of

from fleet.ingest.backfill.selectors import backfill_report
from fleet.ingest.models import Backfill
from fleet.organizations.models import Membership, Organization

__all__ = ["no_counters"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]
Role = Membership.Role


@pytest.fixture(autouse=True)
def plain_static(settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def client_of(name, *memberships) -> Client:
    client = Client()
    client.force_login(person(name, *memberships))
    return client


@pytest.fixture
def operator(organization):
    return client_of("operator", (organization, Role.OPERATOR))


@pytest.fixture
def place(station):
    return f"/stations/{station.serial}/files/read/"


def test_an_operator_surveys_answers_and_reads_the_report(operator, place, card, station, ingest):
    store_card(station, card)
    store(station, file_name(serial=OTHER, hour=3), hour_text(3))
    assert "No stored files have been read yet." in operator.get(place).text
    assert place in operator.get(f"/stations/{station.serial}/files/stored/").text
    page = operator.post(place, {"search": "", "is_unread": "on"}, follow=True)
    assert "being surveyed" in page.text
    made = worked(Backfill.objects.get())
    page = operator.get(f"{place}{made.pk}/").text
    assert f"The card has files of other stations: {OTHER} (1)." in page
    assert "--leave-others" not in page
    page = operator.post(f"{place}{made.pk}/", {"also_of": ""}).text
    assert "The card has files of other stations" in page
    assert not rows()
    page = operator.post(f"{place}{made.pk}/", {"also_of": "", "leaves_others": "on"}, follow=True).text
    assert "The files are being read in the background." in page
    worked(made)
    page = operator.get(f"{place}{made.pk}/").text
    assert "Not here" in page
    assert file_name(serial=OTHER, hour=3) in page, "a file with a remark"
    assert file_name(source="ctt") not in page
    assert file_name(source="ctt") in operator.get(f"{place}{made.pk}/?files=all").text
    assert rows() == LINES


def test_files_that_changed_and_a_second_survey_are_said(operator, place, station, ingest):
    store(station, file_name(), hour_text())
    made = surveyed(station)
    store(station, file_name(), hour_text() + b"p3,1639614399.5266,2.637,-38.87,-53.61\n")
    sent(made)
    page = operator.get(f"{place}{made.pk}/").text
    assert "Files changed since the survey, not read" in page
    assert "surveyed again before reading goes on" not in page
    Backfill.objects.update(state=Backfill.State.SURVEYED, totals={**made.totals, "is_again": True})
    assert "surveyed again before reading goes on" in operator.get(f"{place}{made.pk}/").text


def test_a_card_uploaded_with_tus_and_read_by_page_is_there_once(operator, place, card, station, organization, ingest):
    folder = REAL_CARD if REAL_CARD.is_dir() else card
    tus = Tus(f"Bearer {key_of(organization, write=True)}")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert tus.upload(path.read_bytes(), str(path.relative_to(folder)), station=station.serial) == "stored"
    counted = grep_counted(folder)
    for new in (counted, Counter()):
        operator.post(place, {"search": ""})
        made = worked(Backfill.objects.latest("id"))
        operator.post(f"{place}{made.pk}/")
        assert worked(made).state == "done"
        assert +Counter({one.letter: one.new for one in backfill_report(made).kinds}) == new
        assert rows() == counted


def test_ticked_files_of_another_page_are_surveyed(operator, place, card, station, queues):
    store_card(station, card)
    one = store(station, file_name(hour=5), hour_text(5))
    operator.post(place, {"revision": [str(one.pk)]})
    assert Backfill.objects.get().revision_ids == [one.pk]
    page = operator.post(place, {"revision": ["x"]})
    assert (page.status_code, Backfill.objects.count()) == (200, 1)
    assert "These are not stored files." in page.text


def test_a_back_fill_is_stopped_on_its_page(operator, place, card, station, queues):
    store_card(station, card)
    made = surveyed(station)
    page = operator.post(f"{place}{made.pk}/stop/", follow=True).text
    assert "Stopped. Lines that were already read into the database stay." in page
    made.refresh_from_db()
    assert made.state == "stopped"


def test_a_viewer_looks_and_changes_nothing_and_a_stranger_finds_nothing(place, card, station, organization, queues):
    store_card(station, card)
    made = surveyed(station)
    viewer = client_of("viewer", (organization, Role.VIEWER))
    assert "Read into the database" not in viewer.get(f"{place}{made.pk}/").text
    for address in (place, f"{place}{made.pk}/", f"{place}{made.pk}/stop/"):
        assert viewer.post(address).status_code == 403
    elsewhere = Organization.objects.create(name="E", slug="e", created_at=made.asked_at)
    stranger = client_of("stranger", (elsewhere, Role.OWNER))
    theirs = station_of(elsewhere)
    for address in (place, f"{place}{made.pk}/", f"/stations/{theirs.serial}/files/read/{made.pk}/"):
        assert stranger.get(address).status_code == 404
        assert stranger.post(address).status_code == 404 or address == f"/stations/{theirs.serial}/files/read/"


def test_the_pages_cost_the_same_with_many_files(operator, place, station, ingest, django_assert_max_num_queries):
    store(station, file_name(), hour_text())
    few = surveyed(station)
    operator.get(f"{place}{few.pk}/?files=all")
    with django_assert_max_num_queries(60) as with_few:
        operator.get(f"{place}{few.pk}/?files=all")
    sent(few)
    for hour in range(1, 9):
        store(station, file_name(hour=hour), hour_text(hour))
    many = surveyed(station)
    with django_assert_max_num_queries(60) as with_many:
        operator.get(f"{place}{many.pk}/?files=all")
    assert len(with_many) == len(with_few)
