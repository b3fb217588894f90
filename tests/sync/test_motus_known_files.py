"""Files that Motus has are sent once: copies, packed ones and shorter ones are known, longer ones are sent again."""

import gzip
import io
import os
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from files.tus_asking import Tus
from people import key_of
from sync.motus_files import NOW, SERIAL, name, only, run, send, states

from fleet.files.models import FileRevision
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.models import MotusUpload
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.uploads import upload_queue

pytestmark = pytest.mark.django_db
LINE = b"p1,1588309567.1,4.0,-40,-60\n"


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def inside(motus):
    """The files of each archive that Motus received, unpacked."""
    archives = [zipfile.ZipFile(io.BytesIO(body)) for body in motus.uploads.received]
    return [
        {one: gzip.decompress(each.read(one)) if one.endswith(".gz") else each.read(one) for one in each.namelist()}
        for each in archives
    ]


def answer(institute):
    return account_of(institute).files_answer


def again(owner, institute):
    """Search, and send the archives that are ready; return whether there were any."""
    run(institute)
    if not MotusUpload.objects.filter(state="found").exists():
        return False
    send(owner, institute)
    return True


def test_a_refused_file_from_before_files_had_marks_is_known(motus, account, owner, institute, card):
    card(name(hour=5, end=""), bytes(len(LINE)))
    card(name(hour=6, end=""), LINE)
    assert again(owner, institute)
    upload = only()
    for entry in upload.files:
        del entry["mark"]
    upload.save()
    assert not again(owner, institute)
    assert states() == [(1, "sent")]


def test_a_shorter_copy_under_another_path_is_known_after_its_day_was_sent(motus, account, owner, institute, card):
    card(name(), LINE * 2)
    card(name(), LINE, folder=f"{SERIAL}/backup")
    assert again(owner, institute)
    assert only().warnings == "Further copies of the same files, of which the longest is sent: 1."
    assert [(each["plain"], each["refusal"]) for each in only().files] == [
        (2 * len(LINE), ""),
        (len(LINE), "A longer copy of it is sent."),
    ]
    for _more in range(2):
        assert not again(owner, institute)
        assert answer(institute) == "0 days with new files found. Files found before: 2."
    assert inside(motus) == [{name(): LINE * 2}]


def test_a_shorter_copy_that_comes_later_is_known_and_kept_with_its_upload(motus, account, owner, institute, card):
    card(name(), LINE * 2)
    assert again(owner, institute)
    card(name(), LINE, folder=f"{SERIAL}/backup")
    assert not again(owner, institute)
    assert answer(institute) == (
        "0 days with new files found. Files found before: 1. Copies no longer than the files sent, so not sent: 1."
    )
    assert [each["refusal"] for each in only().files] == ["", "A longer copy of it is sent."]
    assert not again(owner, institute)
    assert answer(institute).endswith("Files found before: 2.")
    assert states() == [(1, "sent")]


@pytest.mark.parametrize("bad", [bytes(500), gzip.compress(LINE * 50, compresslevel=0)[:-9]])
def test_of_two_copies_the_longest_that_passes_is_sent(motus, account, owner, institute, card, bad):
    card(name(), bad, is_packed=False)
    card(name(), LINE, folder=f"{SERIAL}/backup")
    assert again(owner, institute)
    assert inside(motus) == [{name(): LINE}]
    assert sorted(bool(each["refusal"]) for each in only().files) == [False, True]
    assert not again(owner, institute)


def test_a_shorter_copy_is_sent_if_motus_refused_the_longer_one(motus, account, owner, institute, card):
    card(name(), LINE * 2)
    card(name(), LINE, folder=f"{SERIAL}/backup")
    motus.uploads.poison = "20260501"
    assert again(owner, institute)
    for hours in (1, 2):
        with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
            run(institute, is_searching=False)
    assert states() == [(1, "refused")]
    motus.uploads.poison = ""
    assert again(owner, institute)
    assert states() == [(1, "refused"), (1, "sent")]
    assert inside(motus) == [{name(): LINE}]
    # A person may still have the longer one sent.
    upload_queue(actor=owner, organization=institute, upload_id=MotusUpload.objects.get(state="refused").pk)
    run(institute, is_searching=False)
    assert inside(motus)[1:] == [{name(): LINE * 2}]
    assert not again(owner, institute)


def test_the_same_content_under_two_names_is_two_files(motus, account, owner, institute, card):
    card(name(hour=5), LINE)
    card(name(hour=6), LINE)
    assert again(owner, institute)
    assert inside(motus) == [{name(hour=5): LINE, name(hour=6): LINE}]
    assert not again(owner, institute)


def test_a_file_that_its_station_packed_later_is_the_same_file(motus, account, owner, institute, card):
    card(name(end=""), LINE)
    assert again(owner, institute)
    packed = card(name(), LINE)
    assert packed.stat().st_size != len(LINE)
    assert not again(owner, institute)
    assert [each["refusal"] for each in only().files] == ["", "The same file is or was already sent."]
    assert not again(owner, institute)
    # Unless it grew before it was packed.
    card(name(), LINE * 3)
    assert again(owner, institute)
    assert not again(owner, institute)
    assert inside(motus) == [{name(end=""): LINE}, {name(): LINE * 3}]


def test_of_a_file_and_its_packed_copy_one_is_sent(motus, account, owner, institute, card):
    card(name(end=""), LINE)
    card(name(), LINE)
    card(name(hour=6, end=""), LINE * 2)
    card(name(hour=6), gzip.compress(LINE * 2)[:-9], is_packed=False)
    assert again(owner, institute)
    assert inside(motus) == [{name(): LINE, name(hour=6, end=""): LINE * 2}]
    assert not again(owner, institute)


def test_a_file_that_grew_after_its_day_was_sent_is_sent_again_once(motus, account, owner, institute, card):
    for times in (1, 3):
        card(name(), LINE * times)
        assert again(owner, institute)
        assert not again(owner, institute)
    # A shorter one, as from a card that lost its end, and then the longer one once more.
    for times in (2, 3):
        card(name(), LINE * times)
        assert not again(owner, institute)
    assert inside(motus) == [{name(): LINE}, {name(): LINE * 3}]


def test_a_file_of_zeros_that_is_whole_later_with_the_same_size_is_sent(motus, account, owner, institute, card):
    path = card(name(end=""), bytes(len(LINE)))
    card(name(hour=6), LINE)
    assert again(owner, institute)
    assert not again(owner, institute)
    path.write_bytes(LINE)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert again(owner, institute)
    assert inside(motus) == [{name(hour=6): LINE}, {name(end=""): LINE}]


def test_of_a_stored_file_the_longest_revision_is_sent(motus, account, owner, institute, settings, tmp_path):
    settings.ROOST_MOTUS_FOLDER, settings.MEDIA_ROOT = "", tmp_path
    desk = Tus(f"Bearer {key_of(institute, write=True)}")

    def upload(content):
        assert desk.upload(content, name(end=""), station=SERIAL) == "stored"

    upload(LINE * 3)
    upload(b"p1,1,1,1,1\n")
    assert FileRevision.objects.count() == 2
    assert again(owner, institute)
    assert not again(owner, institute)
    upload(b"p2,1,1,1,1\n" * 20)
    assert again(owner, institute)
    assert not again(owner, institute)
    assert inside(motus) == [{name(end=""): LINE * 3}, {name(end=""): b"p2,1,1,1,1\n" * 20}]


def test_an_archive_whose_answer_was_lost_is_ours_and_is_followed(motus, account, owner, institute, card):
    card(name(), LINE)
    run(institute)
    motus.faults_set(cut=True, only="action=transfer")
    send(owner, institute)
    assert (only().state, only().sentence) == ("queued", "The connection to Motus broke. Roost asks again.")
    motus.faults_set()
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute, is_searching=False)
    (job,) = motus.uploads.jobs.values()
    assert (only().state, only().job_id, only().sent_at) == ("sent", job.number, NOW)
    job.done = job.parts_done = 1
    with time_machine.travel(NOW + timedelta(hours=2), tick=False):
        run(institute, is_searching=False)
    assert only().state == "data"
    assert motus.uploads.steps == ["verify", "start", "transfer", "verify"]


def test_an_archive_whose_answer_was_lost_says_so(motus, account, owner, institute, card):
    card(name(), LINE)
    run(institute)
    motus.faults_set(cut=True, only="action=transfer")
    send(owner, institute)
    motus.faults_set(internal_error=True, only="status2")
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute, is_searching=False)
    assert only().sentence.startswith(
        "Roost sent it, and Motus has it; only its answer was lost. Motus says: This file"
    )


def test_an_archive_that_somebody_else_sent_is_known_with_its_job(motus, account, owner, institute, card):
    card(name(), LINE)
    assert again(owner, institute)
    sent = only()
    MotusUpload.objects.update(files=[], transfer_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert again(owner, institute)
    twin = MotusUpload.objects.exclude(pk=sent.pk).get()
    assert (twin.state, twin.job_id) == ("known", sent.job_id)
    assert twin.sentence == "The same archive was sent before, so it was not sent again."
