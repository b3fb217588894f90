"""Packages that repeat: each period when it is over, in its place; again for late rows; each failure reported once."""

import zipfile
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

import pytest
from django.core import mail
from exports.conftest import HOUR, JULY, JUNE, MAY
from files.object_store_fixtures import moto, store
from people import station_of

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput, TooMany
from fleet.exports.making import packages_make
from fleet.exports.models import DataPackage, PackageSchedule, ScheduledPart
from fleet.exports.schedules import services
from fleet.exports.schedules.periods import period_end, period_name, period_start
from fleet.exports.schedules.services import schedule_add, schedule_remove
from fleet.exports.schedules.work import RECHECKED, schedules_work
from fleet.stations.models import Station
from fleet.telemetry.models import DirtyHour, Reading
from fleet.telemetry.rollups import rollups_rebuild

__all__ = ["moto", "store"]
pytestmark = pytest.mark.django_db(transaction=True)
LATER = JULY + timedelta(days=9)


@pytest.fixture(autouse=True)
def files_here(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.ROOST_EXPORTS_FOLDER = str(tmp_path / "out")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def rolled(station):
    """The station, with its rows in the roll-ups."""
    for series, at in Reading.objects.values_list("series", "occurred_at"):
        noted(series, at)
    settle()
    return station


def noted(series, at):
    DirtyHour.objects.create(series_id=series, hour=at.replace(minute=0, second=0), noted_at=clock.now())


def settle():
    rollups_rebuild(settled_s=0)
    assert not DirtyHour.objects.exists()


def add(institute, actor, **more) -> PackageSchedule:
    told = {"name": "Season", "every": "month", "target": "folder", "since": MAY, "kinds": ["readings"], **more}
    return schedule_add(actor=actor, organization=institute, **told)


def worked(moment):
    """Ask for due packages, make them, and put them in place; return the moment after that."""
    schedules_work(moment=moment)
    packages_make()
    schedules_work(moment=moment + timedelta(minutes=2))
    return moment + timedelta(minutes=2)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.zip"))}


def rows_in(data):
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return archive.read("readings.csv").count(b"\n") - 1


def in_place():
    return list(
        ScheduledPart.objects.filter(place__gt="").order_by("start_at").values_list("place", "rows", "revision")
    )


def test_periods_are_days_weeks_and_months_of_utc():
    at = MAY + timedelta(days=30, hours=23)
    begins = {every: period_start(every, at) for every in ("day", "week", "month")}
    assert [str(one.date()) for one in begins.values()] == ["2026-05-31", "2026-05-25", "2026-05-01"]
    assert [str(period_end(every, one).date()) for every, one in begins.items()] == [
        "2026-06-01",
        "2026-06-01",
        "2026-06-01",
    ]
    assert [period_name(every, one) for every, one in begins.items()] == ["2026-05-31", "2026-W22", "2026-05"]


def test_finished_months_are_put_in_the_folder_whole(rolled, institute, operator, folder):
    schedule = add(institute, operator)
    worked(LATER)
    found = files(folder)
    assert list(found) == [f"institute/{schedule.pk}/2026-05.zip", f"institute/{schedule.pk}/2026-06.zip"]
    for part in ScheduledPart.objects.all():
        data = found[part.place]
        assert (part.sha256, part.bytes, part.rows) == (sha256(data).hexdigest(), len(data), rows_in(data))
    assert sum(rows_in(data) for data in found.values()) == Reading.objects.count()
    assert mail.outbox == []
    # No period is made twice, and an unfinished one not at all.
    worked(LATER + HOUR)
    assert (ScheduledPart.objects.count(), files(folder)) == (2, found)
    schedule.refresh_from_db()
    assert schedule.next_start == JULY


def test_late_rows_make_their_period_once_more_beside_the_first(rolled, institute, operator, folder):
    add(institute, operator)
    moment = worked(LATER)
    first = files(folder)
    series = Reading.objects.first().series
    Reading.objects.create(series=series, occurred_at=MAY + 7 * HOUR, received_at=LATER, value=1)
    noted(series.pk, MAY + 7 * HOUR)
    moment = worked(moment + HOUR)
    assert files(folder) == first, "the hour still has a note, so its rows are not settled"
    settle()
    moment = worked(worked(moment + HOUR))
    both = files(folder)
    (name,) = both.keys() - first.keys()
    assert name.endswith("/2026-05.2.zip")
    assert {name: both[name] for name in first} == first
    (old,) = [name for name in first if name.endswith("2026-05.zip")]
    assert rows_in(both[name]) == rows_in(first[old]) + 1
    assert [revision for _place, _rows, revision in in_place()] == [2, 1]


def test_corrected_rows_count_as_late_ones(rolled, institute, operator):
    add(institute, operator)
    moment = worked(LATER)
    reading = Reading.objects.filter(occurred_at__gte=JUNE).first()
    Reading.objects.filter(series=reading.series, occurred_at=reading.occurred_at).update(value=99.0)
    noted(reading.series_id, reading.occurred_at)
    settle()
    worked(worked(moment + HOUR))
    assert [revision for _place, _rows, revision in in_place()] == [1, 2]


def test_a_period_whose_hours_are_not_settled_waits_six_hours_at_most(rolled, institute, operator):
    add(institute, operator, since=JUNE)
    noted(Reading.objects.first().series_id, JUNE)
    assert schedules_work(moment=JULY) == 0, "the period has only just ended"
    schedules_work(moment=JULY + 2 * HOUR)
    assert not DataPackage.objects.exists()
    schedules_work(moment=JULY + 7 * HOUR)
    assert DataPackage.objects.count() == 1


def test_a_failure_is_told_once_shown_and_tried_again(rolled, institute, operator, folder):
    schedule = add(institute, operator)
    folder.write_text("no folder")
    moment = worked(LATER)
    reasons = set(ScheduledPart.objects.values_list("reason", "state", "failures"))
    assert reasons == {("The server could not write it: Not a directory.", "making", 1)}
    moment = worked(moment + HOUR)
    assert set(ScheduledPart.objects.values_list("failures", flat=True)) == {2}
    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == (["operator@example.org"], "Failed: repeated package Season")
    assert "Not a directory" in letter.body
    folder.unlink()
    schedules_work(moment=moment + 2 * HOUR)
    assert len(files(folder)) == 2
    assert DataPackage.objects.count() == 2, "the packages were made once"
    assert [letter.subject for letter in mail.outbox[1:]] == ["Works again: repeated package Season"]
    schedule.refresh_from_db()
    assert schedule.failing_since is None


def test_a_package_that_somebody_removes_is_asked_for_again(rolled, institute, operator, folder):
    add(institute, operator, since=JUNE)
    schedules_work(moment=LATER)
    DataPackage.objects.all().delete()
    schedules_work(moment=LATER + HOUR)
    assert "Somebody removed its package" in ScheduledPart.objects.get().reason
    worked(LATER + 2 * HOUR)
    assert [name.rpartition("/")[2] for name in files(folder)] == ["2026-06.zip"]


def test_another_file_in_its_place_is_never_overwritten(rolled, institute, operator, folder):
    schedule = add(institute, operator, since=JUNE)
    place = folder / "institute" / str(schedule.pk) / "2026-06.zip"
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    worked(LATER)
    assert "is already there: move it away" in ScheduledPart.objects.get().reason
    assert place.read_text() == "mine"


def test_the_object_store_takes_it_and_is_waited_for(rolled, institute, operator, store):
    schedule = add(institute, operator, target="objects", since=JUNE)
    store.relay.trouble.begin("away")
    moment = worked(LATER)
    assert "The object store of this server" in ScheduledPart.objects.get().reason
    store.relay.trouble.end()
    schedules_work(moment=moment + HOUR)
    name = f"exports/institute/{schedule.pk}/2026-06.zip"
    part = ScheduledPart.objects.get()
    assert (part.place, part.state, part.reason) == (name, "done", "")
    assert name in store.objects()


def test_on_the_page_it_is_a_package_of_its_creator(rolled, institute, operator):
    add(institute, operator, target="page", since=JUNE)
    worked(LATER)
    package = DataPackage.objects.get()
    assert (package.asked_by, package.asked_by_name, package.state) == (operator.user, "Season", "done")
    assert [letter.subject for letter in mail.outbox] == ["Ready: data package of Institute"]


def test_old_periods_are_not_looked_at_for_ever(rolled, institute, operator):
    add(institute, operator, since=JUNE)
    worked(LATER)
    schedules_work(moment=JULY + RECHECKED + HOUR)
    assert ScheduledPart.objects.get(start_at=JUNE).next_at is None


def test_stations_that_left_are_not_read(rolled, institute, elsewhere, operator, folder):
    other = station_of(institute)
    add(institute, operator, since=JUNE, serials=[other.serial])
    Station.objects.filter(pk=other.pk).update(organization=elsewhere)
    worked(LATER)
    assert files(folder) == {}
    assert ScheduledPart.objects.get().reason == "None of the chosen stations is left."


def test_an_ended_schedule_leaves_its_files(rolled, institute, operator, viewer, folder):
    schedule = add(institute, operator)
    worked(LATER)
    with pytest.raises(Forbidden):
        schedule_remove(actor=viewer, schedule=schedule)
    schedule_remove(actor=operator, schedule=schedule)
    assert (ScheduledPart.objects.count(), len(files(folder))) == (0, 2)
    assert schedules_work(moment=LATER + HOUR) == 0


def test_wrong_ones_are_refused_in_words(station, institute, operator, viewer, settings, monkeypatch):
    with pytest.raises(Forbidden):
        add(institute, viewer)
    with pytest.raises(InvalidInput, match="more than 400 files at once"):
        add(institute, operator, every="day", since=MAY - timedelta(days=900))
    with pytest.raises(InvalidInput, match="This server has these places: page, folder"):
        add(institute, operator, target="objects")
    settings.ROOST_EXPORTS_FOLDER = ""
    with pytest.raises(InvalidInput, match="these places: page\\."):
        add(institute, operator)
    add(institute, operator, target="page")
    with pytest.raises(Conflict, match="of this name already"):
        add(institute, operator, target="page")
    monkeypatch.setattr(services, "SCHEDULES_MOST", 1)
    with pytest.raises(TooMany, match="at most 1"):
        add(institute, operator, target="page", name="Another")
