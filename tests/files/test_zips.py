"""Zips of stored files: safe and distinct names, what is not in them said inside, limits, and an audit entry."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from files.tus_asking import Tus
from people import key_of, no_counters, station_of

from fleet.core.errors import TooMany, Unavailable
from fleet.core.models import AuditEntry
from fleet.files.store import contents, zipping, zips
from fleet.files.store.contents import content_name, contents_storage
from fleet.files.store.models import FileRevision, StoredContent, StoredFile
from fleet.files.store.selectors import revision_list

__all__ = ["no_counters"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_zips_before(no_counters):
    """Forget the zips that were asked for in this hour."""


@pytest.fixture
def station(institute):
    return station_of(institute, name="Old Cut")


@pytest.fixture
def tus(institute) -> Tus:
    return Tus(f"Bearer {key_of(institute, write=True)}")


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def unpacked(octets: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(octets)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def zip_made(revisions, **more) -> dict[str, bytes]:
    return unpacked(b"".join(zips.zip_pieces(zips.zip_plan(revisions, has_stations=False, **more))))


def bytes_path(content: StoredContent) -> Path:
    return Path(contents_storage(content.place).path(content_name(content.sha256)))


def test_the_selected_files_and_no_others_are_in_it(station, tus, watching):
    content = {f"2026-05-01/{n}.txt": os.urandom(50_000) for n in range(3)}
    for path, octets in content.items():
        tus.upload(octets, path, station=station.serial)
    ids = {one.file.path: one.pk for one in FileRevision.objects.select_related("file")}
    address = f"/stations/{station.serial}/files/stored/zip/"
    answer = watching.post(address, {"file": [ids["2026-05-01/0.txt"], ids["2026-05-01/2.txt"]]})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert answer["Content-Disposition"] == f'attachment; filename="{station.serial}.zip"'
    found = unpacked(b"".join(answer))
    assert found == {path: content[path] for path in ("2026-05-01/0.txt", "2026-05-01/2.txt")}
    entry = AuditEntry.objects.get(action="station.zip_files")
    assert (entry.detail["files"], entry.detail["octets"], entry.detail["left"]) == (2, 100_000, 0)
    # All files that a search finds.
    everything = watching.post(f"{address}?q=2026-05-01/1", {"all": "yes"})
    assert unpacked(b"".join(everything)) == {"2026-05-01/1.txt": content["2026-05-01/1.txt"]}
    # If nothing is selected, the page says so.
    assert "No file selected" in watching.post(address, follow=True).content.decode()


def test_an_organizations_files_are_in_folders_of_their_stations(institute, station, tus, watching, stranger):
    other = station_of(institute, name="Breakwater")
    for number, each in enumerate((station, other)):
        tus.upload(b"%d" % number, "a.txt", station=each.serial)
    address = f"/organizations/{institute.slug}/files/zip/"
    ids = list(FileRevision.objects.values_list("pk", flat=True))
    found = unpacked(b"".join(watching.post(address, {"file": ids})))
    assert found == {f"{station.serial}/a.txt": b"0", f"{other.serial}/a.txt": b"1"}
    found = unpacked(b"".join(watching.post(f"{address}?station={other.serial}", {"all": "yes"})))
    assert found == {f"{other.serial}/a.txt": b"1"}
    # Files of other organizations are never included, whichever page asks for them.
    elsewhere = Client()
    elsewhere.force_login(stranger.user)
    assert elsewhere.post(address, {"file": ids}).status_code == 404
    foreign = f"/organizations/{stranger.user.memberships.get().organization.slug}/files/zip/"
    assert elsewhere.post(foreign, {"file": ids}).status_code == 404
    assert watching.post(f"/stations/{station.serial}/files/stored/zip/", {"file": ids}).status_code == 404


def test_names_are_safe_and_told_apart(station, tus):
    names = {
        "../../etc/passwd": "_",
        "/abs.txt": "abs.txt",
        "a\\..\\b.txt": "a_.._b.txt",
        "C:x.txt": "C_x.txt",
        "A.TXT": "A.TXT",
        "a.txt": "a (2).txt",
        "missing.txt": "missing (2).txt",
        "..": "_",
        "d./x. ": "d/x",
    }
    tus.upload(b"x", "seed.bin", station=station.serial)
    content = StoredContent.objects.get()
    StoredFile.objects.all().delete()
    for name in names:
        file = StoredFile.objects.create(station=station, path=name)
        FileRevision.objects.create(
            file=file, number=1, content=content, first_met_at=content.stored_at, last_met_at=content.stored_at,
            sent_by="test",
        )  # fmt: skip
    plan = zips.zip_plan(revision_list(station=station), has_stations=False)
    made = [name for name, _revision in plan.entries]
    assert len({name.casefold() for name in made}) == len(made) == len(names)
    for name in made:
        assert not name.startswith("/")
        assert ".." not in name.split("/")
        assert not set(name) & set('\\:*?"<>|')
    found = zip_made(revision_list(station=station))
    assert set(found) == {*made, zips.NAMES}
    listed = found[zips.NAMES].decode()
    assert all(f": {name}\r\n" in listed for name in names if name not in made)


def test_revisions_of_a_file_are_told_apart(station, tus):
    for content in (b"one", b"two"):
        tus.upload(content, "a.txt", station=station.serial)
    found = zip_made(FileRevision.objects.select_related("file", "content").order_by("number"))
    assert found["a.txt"] == b"one"
    assert found["a (revision 2).txt"] == b"two"


def test_what_is_damaged_or_missing_is_named_in_it(station, tus):
    for name in ("good", "rotten", "gone", "known"):
        tus.upload(name.encode(), f"{name}.txt", station=station.serial)
    of = {one.file.path: one.content for one in revision_list(station=station)}
    bytes_path(of["rotten.txt"]).write_bytes(b"ROTTEN")
    bytes_path(of["gone.txt"]).unlink()
    StoredContent.objects.filter(pk=of["known.txt"].pk).update(state="rotten")
    found = zip_made(revision_list(station=station))
    assert set(found) == {"good.txt", zips.MISSING}
    said = found[zips.MISSING].decode()
    assert [name for name in ("good", "rotten", "gone", "known") if f"{name}.txt: " in said] == [
        "rotten",
        "gone",
        "known",
    ]


def test_bytes_that_change_while_they_are_sent_leave_a_broken_zip(station, tus, monkeypatch):
    tus.upload(b"good", "a.txt", station=station.serial)
    monkeypatch.setattr(zips, "content_digest", lambda content: content.sha256)
    bytes_path(StoredContent.objects.get()).write_bytes(b"evil")
    with pytest.raises(Unavailable):
        zip_made(revision_list(station=station))


def test_what_is_beyond_the_limits_is_named_in_it(station, tus, monkeypatch):
    for number in range(4):
        tus.upload(b"%d" % number * 10, f"{number}.txt", station=station.serial)
    monkeypatch.setattr(zips, "OCTETS_MOST", 25)
    found = zip_made(revision_list(station=station))
    assert set(found) == {"3.txt", "2.txt", zips.MISSING}
    assert found[zips.MISSING].decode().count("download this file by itself") == 2
    monkeypatch.setattr(zips, "FILES_MOST", 1)
    assert zip_made(revision_list(station=station))[zips.MISSING].decode().count("at most 1 files") == 3


def test_an_object_store_that_is_away_is_asked_once(station, tus, monkeypatch):
    for number in range(3):
        tus.upload(b"%d" % number, f"{number}.txt", station=station.serial)
    StoredContent.objects.exclude(revisions__file__path="0.txt").update(place="objects")
    asked, usual = [], contents.content_digest

    def digest(content):
        if content.place == "objects":
            asked.append(content)
            raise zips.StoreAway("The object store of this server does not answer.")
        return usual(content)

    monkeypatch.setattr(zips, "content_digest", digest)
    found = zip_made(revision_list(station=station))
    assert set(found) == {"0.txt", zips.MISSING}
    assert found[zips.MISSING].decode().count("does not answer") == 2
    assert len(asked) == 1


def test_a_person_has_two_at_once_and_so_many_bytes_an_hour(station, tus, viewer, operator, monkeypatch):
    tus.upload(b"a" * 3_000_000, "a.txt", station=station.serial)

    def begun(who=viewer):
        return zipping.zip_begin(actor=who, owner=station, found=list(revision_list(station=station)))

    first, _second = begun(), begun()
    with pytest.raises(TooMany, match="2 zips already"):
        begun()
    assert unpacked(b"".join(begun(operator)))
    # A download that was read to its end makes room, and so does one that broke off.
    assert unpacked(b"".join(first))
    third = begun()
    next(third)
    third.close()
    monkeypatch.setattr(zipping, "HOUR_MB_MOST", 15)
    with pytest.raises(TooMany, match="within an hour"):
        begun()
    # A refused request holds no place.
    monkeypatch.setattr(zipping, "HOUR_MB_MOST", 1_000)
    assert unpacked(b"".join(begun()))
