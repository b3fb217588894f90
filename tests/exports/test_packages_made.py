"""Packages made in the background: asked for, bounded, made whole or not at all, ended, and withdrawn."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection
from exports.conftest import JULY, MAY
from people import SERVER, station_of
from site_processes import database_url
from waiting import until

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, NotFound, TooMany
from fleet.core.models import OutboxMessage
from fleet.exports.archive import archive_path
from fleet.exports.making import ATTEMPTS_MOST, packages_make
from fleet.exports.models import DataPackage
from fleet.exports.rows.statements import reading_connection
from fleet.exports.selectors import package_file, package_find
from fleet.exports.services import MAKE_JOB, WAITING_MOST, package_ask, package_remove, terms_choose
from fleet.exports.sweeping import packages_sweep
from fleet.stations.models import Station
from fleet.telemetry.models import Reading

pytestmark = pytest.mark.django_db(transaction=True)
State = DataPackage.State


@pytest.fixture(autouse=True)
def files_here(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def ask(institute, actor, **more) -> DataPackage:
    return package_ask(actor=actor, organization=institute, start=MAY, end=JULY, **more)


def made(package) -> DataPackage:
    packages_make()
    package.refresh_from_db()
    return package


def files(tmp_path):
    return [path.name for path in (tmp_path / "packages").iterdir()]


def test_a_package_is_asked_for_made_and_told_by_mail(station, institute, viewer, owner):
    terms_choose(actor=owner, organization=institute, licence="CC-BY-4.0", citation="Institute  2026")
    package = ask(institute, viewer)
    assert package.state == State.WAITING
    assert OutboxMessage.objects.filter(routing_key=MAKE_JOB).exists()
    package = made(package)
    assert (package.state, package.reason) == (State.DONE, "")
    assert package.rows == Reading.objects.count() + 2 + 2 + 1
    path = package_file(package)
    assert path.stat().st_size == package.bytes
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        document = json.loads(archive.read("datapackage.json"))
    assert document["licenses"][0]["name"] == "CC-BY-4.0"
    assert "Cite as: Institute 2026" in document["description"]
    (letter,) = mail.outbox
    assert letter.to == ["viewer@example.org"]
    assert f"/organizations/institute/packages/{package.pk}/data.zip" in letter.body
    assert packages_make() == 0


def test_only_members_ask_and_only_for_what_the_organization_has(station, institute, elsewhere, stranger, viewer):
    with pytest.raises(Forbidden):
        ask(institute, stranger)
    theirs = station_of(elsewhere)
    with pytest.raises(NotFound, match="has no station"):
        ask(institute, viewer, serials=[theirs.serial])
    package = ask(institute, viewer)
    with pytest.raises(NotFound):
        package_find(viewer=stranger, organization=institute, package_id=package.pk)
    with pytest.raises(Forbidden):
        package_remove(actor=stranger, package=package)


def test_so_many_wait_and_no_more(station, institute, viewer):
    waiting = [ask(institute, viewer) for _ in range(WAITING_MOST)]
    with pytest.raises(TooMany, match="waiting already"):
        ask(institute, viewer)
    package_remove(actor=viewer, package=waiting[0])
    ask(institute, viewer)


def test_an_organization_that_used_its_room_gets_no_more(station, institute, viewer, settings, tmp_path):
    first = made(ask(institute, viewer, kinds=["readings"]))
    settings.ROOST_PACKAGES_BYTES = first.bytes + 100
    second = made(ask(institute, viewer, kinds=["readings"]))
    assert (second.state, "larger than the space" in second.reason) == (State.FAILED, True)
    assert files(tmp_path) == [f"{first.name}.zip"]
    assert [letter.subject.partition(":")[0] for letter in mail.outbox] == ["Ready", "Failed"]
    settings.ROOST_PACKAGES_BYTES = first.bytes
    with pytest.raises(TooMany, match="remove one"):
        ask(institute, viewer)


def test_organizations_take_turns(station, institute, elsewhere, viewer, stranger):
    station_of(elsewhere)
    first, second = ask(institute, viewer), ask(institute, viewer)
    other = ask(elsewhere, stranger)
    packages_make()
    begun = DataPackage.objects.order_by("begun_at").values_list("pk", flat=True)
    assert list(begun) == [first.pk, other.pk, second.pk]


def test_a_package_removed_in_the_making_leaves_nothing(station, institute, viewer, monkeypatch, tmp_path):
    from fleet.exports import making

    package = ask(institute, viewer)
    whole = making.package_write

    def write(*arguments, **named):
        done = whole(*arguments, **named)
        package_remove(actor=viewer, package=package)
        return done

    monkeypatch.setattr(making, "package_write", write)
    assert packages_make() == 0
    assert (DataPackage.objects.count(), files(tmp_path), mail.outbox) == (0, [], [])


def test_a_worker_that_is_killed_leaves_no_half_package(station, institute, viewer, tmp_path):
    package = ask(institute, viewer)
    environment = {
        **os.environ,
        "ROOST_DATABASE_URL": database_url(),
        "ROOST_FILES_ROOT": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "web.settings",
    }
    code = "import django; django.setup(); from fleet.exports.making import packages_make; packages_make()"
    with reading_connection() as lock, lock.transaction():
        # The worker waits for this lock when it reaches the second kind of rows.
        lock.execute("SET TRANSACTION READ WRITE")
        lock.execute("LOCK TABLE telemetry_detection IN ACCESS EXCLUSIVE MODE")
        worker = subprocess.Popen([sys.executable, "-c", code], env=environment)
        part = archive_path(package.name).with_suffix(".zip.part")
        until(lambda: part.exists() and worker.poll() is None, "the worker writes")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    package.refresh_from_db()
    assert (package.state, package.attempts) == (State.MAKING, 1)
    assert not archive_path(package.name).exists()
    with pytest.raises(Conflict):
        package_file(package)
    until(lambda: made(package).state == State.DONE, "the package is made again")
    assert package.attempts == 2
    with zipfile.ZipFile(package_file(package)) as archive:
        assert archive.testzip() is None


def test_a_package_that_never_ends_is_given_up_with_a_reason(station, institute, viewer):
    package = ask(institute, viewer)
    DataPackage.objects.update(state=State.MAKING, attempts=ATTEMPTS_MOST)
    assert made(package).state == State.FAILED
    assert "gave no result" in package.reason


def test_a_disk_that_refuses_fails_the_package_in_words(station, institute, viewer, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "file"
    settings.MEDIA_ROOT.write_text("no folder")
    package = made(ask(institute, viewer))
    assert (package.state, package.reason) == (State.FAILED, "The server could not write it: Not a directory.")


def test_what_moved_away_meanwhile_stays_out_and_is_told(station, institute, elsewhere, viewer):
    other = station_of(institute)
    package = ask(institute, viewer)
    Station.objects.filter(pk=other.pk).update(organization=elsewhere)
    package = made(package)
    assert package.state == State.DONE
    assert package.station_ids == [station.pk]
    assert package.reason.startswith("1 chosen station is not in it")
    assert package.reason in mail.outbox[0].body


@pytest.mark.parametrize("change", [{"deleted_at": clock.now()}, {"organization": None}])
def test_a_package_is_withdrawn_when_its_station_leaves(station, institute, elsewhere, viewer, change, tmp_path):
    other = station_of(institute)
    package = made(ask(institute, viewer))
    change = {"organization": elsewhere} if "organization" in change else change
    Station.objects.filter(pk=other.pk).update(**change)
    with pytest.raises(Conflict, match="Ask for it again without them"):
        package_file(package)
    assert packages_sweep(moment=clock.now()) == 1
    package.refresh_from_db()
    assert (package.state, files(tmp_path)) == (State.WITHDRAWN, [])


def test_a_package_ends_after_its_days(station, institute, viewer, settings, tmp_path):
    package = made(ask(institute, viewer))
    assert package.expires_at - package.done_at == settings.ROOST_PACKAGES_KEPT == timedelta(days=7)
    assert packages_sweep(moment=package.expires_at - timedelta(seconds=1)) == 0
    assert packages_sweep(moment=package.expires_at) == 1
    package.refresh_from_db()
    assert (package.state, files(tmp_path)) == (State.EXPIRED, [])
    packages_sweep(moment=package.asked_at + timedelta(days=91))
    assert not DataPackage.objects.exists()


def test_files_that_no_row_knows_are_removed_after_a_day(station, institute, viewer, tmp_path):
    kept = made(ask(institute, viewer))
    for name in ("lost.zip", "lost.zip.part"):
        (tmp_path / "packages" / name).write_bytes(b"")
    packages_sweep(moment=clock.now())
    assert len(files(tmp_path)) == 3
    old = (clock.now() - timedelta(days=2)).timestamp()
    for path in Path(tmp_path / "packages").iterdir():
        os.utime(path, (old, old))
    packages_sweep(moment=clock.now())
    assert files(tmp_path) == [f"{kept.name}.zip"]


def test_nobody_writes_to_somebody_who_has_left(station, institute, viewer):
    package = ask(institute, viewer)
    institute.memberships.filter(user=viewer.user).delete()
    assert made(package).state == State.DONE
    assert mail.outbox == []


def test_a_server_asks_without_a_person(station, institute):
    assert made(ask(institute, SERVER)).state == State.DONE
    assert mail.outbox == []
    assert connection.in_atomic_block is False
