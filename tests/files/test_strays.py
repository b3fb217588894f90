"""Stored bytes that no row names, as after restoring an older backup: kept, reported, given to a station, or removed."""

import hashlib
import json
import os
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.file_troubles import strays_judge
from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.files.models import FileRevision, StoredContent, StoredFile
from fleet.files.store import scrub, strays
from fleet.files.store.contents import content_name

pytestmark = pytest.mark.django_db

CONTENTS = [os.urandom(1_000) for _ in range(20)]
HASHES = [hashlib.sha256(content).hexdigest() for content in CONTENTS]


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def tus(institute, station) -> Tus:
    return Tus(f"Bearer {key_of(institute, write=True)}")


@pytest.fixture
def restored(tus, station, files):
    """Restore a backup from before twenty files were uploaded: their bytes are here, and no row names them."""
    for number, content in enumerate(CONTENTS):
        assert tus.upload(content, f"{number}.txt", station=station.serial) == "stored"
    StoredFile.objects.all().delete()
    StoredContent.objects.all().delete()
    for sha256 in HASHES:
        os.utime(files / content_name(sha256), (0, 0))
    return files


def swept() -> int:
    """Look through the whole store, which takes four days."""
    return sum(scrub.store_sweep(moment=clock.now() + timedelta(hours=6 * turn)) for turn in range(16))


def told(*words: str) -> str:
    out = StringIO()
    call_command("strays", *words, stdout=out)
    return out.getvalue()


def test_restoring_an_older_backup_loses_no_byte(restored):
    assert swept() == 0
    assert sorted(StoredContent.objects.values_list("sha256", "octets", "state")) == [
        (sha256, 1_000, "stray") for sha256 in sorted(HASHES)
    ]
    assert [(restored / content_name(sha256)).read_bytes() for sha256 in HASHES] == CONTENTS
    assert swept() == 0
    assert StoredContent.objects.count() == 20
    # The scrub leaves them as they are.
    scrub.contents_scrub(moment=clock.now() + scrub.ROUND + timedelta(hours=1))
    assert set(StoredContent.objects.values_list("state", flat=True)) == {"stray"}


def test_administrators_are_told_of_them_and_when_none_is_left(restored, tus, station):
    swept()
    strays_judge()
    sentence = Trouble.objects.get(ended_at=None).sentence
    assert "Contents: 20 with 20000 bytes; photos: 0." in sentence
    assert "manage strays list" in sentence
    for number, content in enumerate(CONTENTS):
        assert tus.upload(content, f"{number}.txt", station=station.serial) == "stored"
    strays_judge()
    assert not Trouble.objects.filter(ended_at=None).exists()
    assert set(StoredContent.objects.values_list("state", flat=True)) == {"kept"}
    assert FileRevision.objects.count() == 20


def test_bytes_of_today_are_left_for_their_row(restored):
    young = restored / content_name(HASHES[0])
    os.utime(young)
    for turn in range(-16, 0):
        scrub.store_sweep(moment=clock.now() + timedelta(hours=6 * turn))
    assert StoredContent.objects.count() == 19
    assert young.exists()


def test_the_command_lists_copies_gives_and_removes(restored, station, tmp_path):
    assert told("list") == "All stored bytes belong to a file.\n"
    swept()
    rows = json.loads(told("list", "--json"))
    assert sorted(row["sha256"] for row in rows) == sorted(HASHES)
    assert HASHES[0] in told("list")
    told("copy", HASHES[0][:12], str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == CONTENTS[0]
    assert "is stored" in told("give", HASHES[0], station.serial.upper(), "2026-05-01/a.txt")
    given = FileRevision.objects.select_related("content", "file").get()
    assert (given.file.path, given.content.sha256, given.content.state) == ("2026-05-01/a.txt", HASHES[0], "kept")
    assert told("remove", HASHES[1]) == "1000 bytes are removed.\n"
    assert not (restored / content_name(HASHES[1])).exists()
    assert strays.stray_list().count() == 18
    actions = AuditEntry.objects.filter(action__startswith="files.").order_by("pk").values_list("action", "subject")
    assert list(actions) == [("files.stray_given", station.serial), ("files.stray_removed", HASHES[1])]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("give", "12345678", "SERIAL", "a.txt"), "or more than one"),
        (("give", HASHES[0][:7], "SERIAL", "a.txt"), "at least 8 digits"),
        (("give", HASHES[0], "SERIAL", "../a.txt"), "without `..`"),
        (("copy", HASHES[0], "/"), "cannot be copied"),
        (("give", HASHES[2], "SERIAL", "a.txt"), "no longer what was stored"),
    ],
)
def test_what_is_wrong_is_said(restored, station, words, sentence):
    (restored / content_name(HASHES[2])).write_bytes(b"x" * 1_000)
    os.utime(restored / content_name(HASHES[2]), (0, 0))
    swept()
    error = StringIO()
    with pytest.raises(SystemExit):
        call_command("strays", *(station.serial if word == "SERIAL" else word for word in words), stderr=error)
    assert sentence in error.getvalue()
    assert not FileRevision.objects.exists()
    assert strays.stray_list().count() == 20


def test_after_their_time_they_go_with_an_entry_each(restored):
    swept()
    with time_machine.travel(clock.now() + strays.KEPT_FOR + timedelta(hours=1)):
        assert scrub.store_sweep(moment=clock.now()) == 20
    assert not StoredContent.objects.exists()
    entries = AuditEntry.objects.filter(action="files.stray_removed")
    assert sorted(entries.values_list("subject", flat=True)) == sorted(HASHES)
    assert entries.first().detail["octets"] == 1_000


def test_names_that_are_not_ours_are_left_alone(files):
    strange = files / "store" / "00" / "note.txt"
    strange.parent.mkdir(parents=True)
    strange.write_text("whose?")
    os.utime(strange, (0, 0))
    assert swept() == 0
    assert strange.exists()
