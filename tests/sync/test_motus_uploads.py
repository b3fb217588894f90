"""Raw files to Motus: checked, packed the same at every try, sent once, followed to their end, and none blocks others."""

import gzip
import hashlib
import io
import os
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from files.tus_asking import Tus
from people import key_of, person, station_of
from sync.motus_files import NOW, SERIAL, name, only, run, send, states

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core.errors import Conflict, Forbidden, NotFound, TooMany
from fleet.core.pulses import INGEST, pulse_beat
from fleet.files.models import StoredContent
from fleet.organizations.access import Role
from fleet.organizations.models import Organization
from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.adapters.clients import motus_jobs, motus_site
from fleet.sync.models import MotusAccount, MotusDeployment, MotusUpload
from fleet.sync.motus import fate, finding, runs
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.archive import archive_write, day_checked, day_of
from fleet.sync.motus.by_itself import by_itself_decide
from fleet.sync.motus.runs import files_run_due
from fleet.sync.motus.source import SourceFile
from fleet.sync.motus.uploads import upload_list, upload_queue, upload_search, uploads_queue
from operations.simulators.motus_answers import USERS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def test_from_the_folder_to_data_and_once_more_known_without_sending(motus, account, owner, institute, card):
    card(name(hour=5))
    card(name(hour=6))
    run(institute)
    assert states() == [(1, "found")]
    assert account_of(institute).files_answer == "1 day with new files found."
    send(owner, institute)
    upload, uploads = only(), motus.uploads
    assert (upload.state, upload.project_id, upload.job_id) == ("sent", 1, 11_412_766)
    assert uploads.steps == ["verify", "start", "transfer"]
    (body,) = uploads.received
    assert hashlib.sha1(body, usedforsecurity=False).hexdigest() == upload.sha1
    assert zipfile.ZipFile(io.BytesIO(body)).namelist() == [name(hour=5), name(hour=6)]
    uploads.jobs[upload.job_id].done = uploads.jobs[upload.job_id].parts_done = 1
    uploads.jobs[upload.job_id].log = f"unpacked\n{name(hour=6)}: file is corrupt, set aside\n"
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute)
    upload = only()
    assert (upload.state, upload.sentence) == (
        "data",
        "Motus has processed it (job 11412766). Files that Motus set aside: 1.",
    )
    assert [each["said"] for each in upload.files] == ["", f"{name(hour=6)}: file is corrupt, set aside"]
    assert account_of(institute).files_answer.endswith("Files found before: 2.")
    # The same files once more, first with only their hashes known here, then without even those.
    MotusUpload.objects.update(files=[])
    run(institute)
    send(owner, institute)
    assert states() == [(1, "data"), (1, "known")]
    assert len(uploads.steps) == 3
    MotusUpload.objects.all().delete()
    run(institute)
    send(owner, institute)
    assert only().state == "known"
    assert "Motus says: This file has already been uploaded by warbler (2021-12-22 05:43:24; jobID: " in only().sentence
    assert only().job_id == 11_412_766
    assert uploads.steps[3:] == ["verify"]


def test_an_archive_has_the_same_bytes_at_every_try(card, tmp_path):
    paths = [card(name(hour=hour), bytes([hour]) * 1000) for hour in (7, 5, 6)]
    files = [SourceFile(path.name, path.stat().st_size, path) for path in paths]
    first = archive_write(files, tmp_path / "1.zip")
    for path in paths:
        path.touch()
    assert archive_write(list(reversed(files)), tmp_path / "2.zip") == first
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


@pytest.mark.parametrize(
    ("file", "content", "refusal"),
    [
        (name(), b"", "It is empty."),
        (name(end=""), bytes(5000), "It contains only zeros: perhaps it was copied before it was fully written."),
        (name(), gzip.compress(b"x" * 5000, mtime=0)[:-9], "Its compression is damaged, or it was not finished."),
        (name(), b"no gzip", "Its compression is damaged, or it was not finished."),
        (name(part="1111RPI42222"), b"x", "The name is that of another receiver, 1111RPI42222."),
        (name(end=""), b"p1,1,2,3,4\n", ""),
    ],
)
def test_motus_own_checks(card, file, content, refusal):
    path = card(file, content, is_packed=False)
    checked = day_checked(SERIAL, [SourceFile(file, len(content), path)])
    assert ([one.refusal for one in checked.files], checked.warnings) == ([refusal], [])


def test_a_file_that_cannot_be_read_is_left_out(tmp_path):
    (checked,) = day_checked(SERIAL, [SourceFile(name(), 5, tmp_path / "gone")]).files
    assert checked.refusal.startswith("It cannot be read")


def test_a_falling_boot_number_and_copies_are_warned_of(card):
    files = []
    for folder, hour, boot in (("a", 5, 9), ("b", 5, 9), ("a", 7, 1)):
        path = card(name(hour=hour, boot=boot), b"x" * boot, folder=f"{SERIAL}/{folder}")
        files.append(SourceFile(path.name, path.stat().st_size, path, folder))
    checked = day_checked(SERIAL, files)
    assert len(checked.files) == 2
    assert [words.split(":")[0] for words in checked.warnings] == [
        "Further copies of the same files, of which the longest is sent",
        "The boot number drops during the day",
    ]


@pytest.mark.parametrize("odd", ["notes.txt", name().replace("05-01T", "02-31T"), "a" * 200, "CTT-1-node-health.csv"])
def test_a_name_without_a_day_is_none(odd):
    assert day_of(odd) is None
    assert day_of(name()) == date(2026, 5, 1)


def test_every_file_is_counted(account, institute, card, tmp_path, monkeypatch):
    card(name(1))
    card(name(20))
    card("notes.txt")
    card(name(2), folder="SG-SOMEBODY")
    (tmp_path / SERIAL / "link.gz").symlink_to("/etc/passwd")
    (tmp_path / SERIAL / "shut").mkdir()
    scan = os.scandir

    def shut_scan(folder):
        if Path(folder).name == "shut":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", shut_scan)
    run(institute)
    run(institute)
    assert states() == [(1, "found")]
    assert account_of(institute).files_answer == (
        "0 days with new files found. Files found before: 1. Files of today or later, which wait until their day is "
        "over: 1. Files without receiver and time in their names, which Motus would ignore: 1. Links, folders without "
        "access, and files that are damaged on the server, left out: 2."
    )


def test_more_new_files_than_one_search_looks_at_are_found_by_the_next(account, institute, card, monkeypatch):
    monkeypatch.setattr(finding, "LOOKED_MOST", 2)
    for day in (1, 2, 3):
        card(name(day))
    run(institute)
    assert account_of(institute).files_answer == "2 days with new files found. Files left for the next search: 1."
    run(institute)
    assert states() == [(1, "found"), (2, "found"), (3, "found")]


def test_a_file_that_could_not_be_used_is_sent_once_it_is_whole_even_with_the_same_size(
    motus, account, owner, institute, card
):
    whole = b"p1,1588309567.1,4.0,-40,-60\n"
    card(name(hour=5, end=""), bytes(len(whole)))
    card(name(hour=6, end=""), whole)
    run(institute)
    send(owner, institute)
    run(institute)
    assert states() == [(1, "sent")], "a refused file that has not changed is known"
    card(name(hour=5, end=""), whole)
    run(institute)
    assert states() == [(1, "found"), (1, "sent")]
    send(owner, institute)
    assert [zipfile.ZipFile(io.BytesIO(body)).namelist() for body in motus.uploads.received] == [
        [name(hour=6, end="")],
        [name(hour=5, end="")],
    ]


def test_of_a_long_log_the_end_is_searched_and_it_is_said(motus, account, owner, institute, card, monkeypatch):
    monkeypatch.setattr(fate, "_LOG_MOST", 100)
    card(name())
    run(institute)
    send(owner, institute)
    job = motus.uploads.jobs[only().job_id]
    job.done, job.parts_done, job.log = 1, 1, "x" * 200 + f"\n{name()}: set aside"
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute, is_searching=False)
    assert only().files[0]["said"] == f"{name()}: set aside"
    assert only().sentence.endswith("Its log is long: only the end was searched for remarks.")


def test_a_day_that_grew_is_sent_as_a_second_archive(motus, account, owner, institute, card):
    card(name(hour=5))
    run(institute)
    send(owner, institute)
    card(name(hour=6))
    run(institute)
    send(owner, institute)
    assert [zipfile.ZipFile(io.BytesIO(body)).namelist() for body in motus.uploads.received] == [
        [name(hour=5)],
        [name(hour=6)],
    ]


def test_a_day_without_a_deployment_at_motus_is_held_until_there_is_one_or_a_person_sends_it(
    motus, account, owner, institute, card
):
    MotusDeployment.objects.update(starts_at=datetime(2026, 5, 2, tzinfo=UTC))
    card(name(1))
    card(name(2))
    run(institute)
    assert states() == [(1, "held"), (2, "found")]
    held = MotusUpload.objects.get(state="held")
    assert held.sentence == "Motus has no deployment of this receiver on that day: enter it there first."
    MotusDeployment.objects.update(starts_at=datetime(2026, 4, 2, tzinfo=UTC))
    run(institute)
    assert states() == [(1, "found"), (2, "found")]
    MotusDeployment.objects.all().delete()
    card(name(3))
    run(institute)
    upload_queue(actor=owner, organization=institute, upload_id=MotusUpload.objects.get(state="held").pk)
    run(institute, is_searching=False)
    assert states() == [(1, "found"), (2, "found"), (3, "sent")]


def test_a_day_of_which_nothing_can_be_used_is_held_and_not_sent(account, owner, institute, card):
    card(name(), b"", is_packed=False)
    run(institute)
    assert (only().state, only().sentence) == ("held", "None of its files can be used.")
    with pytest.raises(Conflict):
        upload_queue(actor=owner, organization=institute, upload_id=only().pk)


def test_a_poisoned_day_does_not_block_the_others_and_ends(motus, account, owner, institute, card):
    for day in (1, 2, 3):
        card(name(day), bytes([day]))
    motus.uploads.poison = "20260501"
    run(institute)
    send(owner, institute)
    assert states() == [(1, "queued"), (2, "sent"), (3, "sent")]
    poisoned = MotusUpload.objects.get(day__day=1)
    assert (poisoned.sentence, poisoned.attempts) == ("Motus refused: Unable to read archive", 1)
    assert poisoned.next_try_at == NOW + timedelta(minutes=10)
    for hours in (1, 2):
        with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
            run(institute, is_searching=False)
    assert MotusUpload.objects.get(day__day=1).state == "refused"


@pytest.mark.parametrize(("step", "sent"), [("verify", []), ("start", []), ("transfer", ["sent"])])
def test_uploads_held_while_a_run_sends_are_not_transferred(
    motus, account, owner, institute, station, card, monkeypatch, step, sent
):
    for day in (1, 2):
        card(name(day), bytes([day]))
    run(institute)
    real = getattr(motus_site.MotusSite, step)

    def decided_meanwhile(self, **given):
        by_itself_decide(actor=owner, station=station, is_by_itself=True)
        return real(self, **given)

    monkeypatch.setattr(motus_site.MotusSite, step, decided_meanwhile)
    send(owner, institute)
    # What was being transferred when the person decided is at Motus, and says so.
    assert [state for _day, state in states() if state != "held"] == sent
    assert motus.uploads.steps.count("transfer") == len(sent)


def test_an_ended_session_is_renewed_once(motus, account, owner, institute, card):
    for day in (1, 2):
        card(name(day), bytes([day]))
    run(institute)
    motus.faults_set(session_ended=True, only="verifyHash", times=1)
    send(owner, institute)
    assert states() == [(1, "sent"), (2, "sent")]
    assert motus.uploads.logins == [("warbler", True)] * 2


def test_a_refused_login_is_not_tried_again(motus, account, owner, institute, card, monkeypatch):
    card(name())
    run(institute)
    monkeypatch.setitem(USERS, "warbler", ("changed", {"projects": {"1": "x"}, "userID": 1}))
    send(owner, institute)
    for _again in range(3):
        files_run_due()
        run(institute)
    assert motus.uploads.logins == [("warbler", False)]
    assert account_of(institute).is_refused
    assert only().state == "queued"


def test_a_login_without_right_in_the_project_costs_only_that_project(motus, account, owner, institute, card):
    for day in (1, 2):
        card(name(day), bytes([day]))
    run(institute)
    MotusUpload.objects.filter(day__day=1).update(project_id=2)
    send(owner, institute)
    assert states() == [(1, "queued"), (2, "sent")]
    assert "may not upload to project 2" in MotusUpload.objects.get(day__day=1).sentence


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"html": True}, "Motus answered with a web page instead of data"),
        ({"internal_error": True}, "Motus has an internal error (status 500). Roost asks again."),
        ({"moved": True}, "Motus has moved (status 301)"),
        ({"busy_retry_after": 60}, "Motus is busy and asks us to wait."),
        ({"error_in_band": "disk full"}, "Motus refused: disk full"),
        ({"truncated": True}, "The answer of Motus was cut off. Roost asks again."),
        ({"cut": True}, "The connection to Motus broke."),
        ({"cut_upload": True, "only": "action=start"}, "The connection to Motus broke."),
        ({"slow_s": 2.0}, "Motus did not answer in time."),
    ],
)
def test_every_fault_is_a_sentence_and_the_next_try_works(
    motus, account, owner, institute, card, faults, sentence, monkeypatch
):
    monkeypatch.setattr(motus_site, "READ_S", 0.5)
    card(name())
    run(institute)
    motus.faults_set(**{"only": "sgJobs", **faults})
    send(owner, institute)
    assert (only().state, only().attempts) == ("queued", 1)
    assert sentence in only().sentence
    motus.faults_set()
    run(institute, is_searching=False)
    assert only().state == "queued"
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        run(institute, is_searching=False)
    assert only().state == "sent"


def test_a_file_that_changed_since_it_was_checked_is_checked_again_before_it_is_sent(
    motus, account, owner, institute, card
):
    path = card(name())
    run(institute)
    path.write_bytes(b"another")
    send(owner, institute)
    assert only().state == "held"
    assert "has changed or is gone since it was checked" in only().sentence
    assert motus.uploads.steps == []
    path.write_bytes(gzip.compress(b"longer than before", mtime=0))
    run(institute)
    send(owner, institute)
    assert states() == [(1, "sent")]


def test_a_job_that_fails_ends_with_its_reason_and_one_that_waits_is_asked_again(
    motus, account, owner, institute, card
):
    card(name())
    run(institute)
    send(owner, institute)
    job = motus.uploads.jobs[only().job_id]
    assert only().sentence == f"Motus is processing it (job {job.number})."
    job.done, job.log = 1, "unpacked"
    motus.uploads.sessions_end()
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute, is_searching=False)
        assert only().state == "sent"
    job.parts_done, job.log = -1, "unpacked\nno usable files in archive"
    with time_machine.travel(NOW + timedelta(hours=2), tick=False):
        run(institute, is_searching=False)
    assert (only().state, only().sentence) == (
        "refused",
        f"Motus could not process it (job {job.number}): no usable files in archive",
    )


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"html": True}, "job server answered with a web page instead of data; it may be under maintenance."),
        ({"internal_error": True}, "job server has an internal error (status 500)"),
        ({"error_in_band": "not authorized for project"}, "does not show the jobs of its project to the login"),
        ({"truncated": True}, "cut off"),
        ({"cut": True}, "connection to Motus' job server broke"),
    ],
)
def test_trouble_with_the_job_server_leaves_uploads_as_they_are(
    motus, account, owner, institute, card, faults, sentence
):
    card(name())
    run(institute)
    motus.faults_set(only="status2", **faults)
    send(owner, institute)
    assert only().state == "sent"
    assert sentence in account_of(institute).files_answer


def test_a_job_that_cannot_be_asked_about_blocks_no_other(motus, account, owner, institute, card, monkeypatch):
    for day in (1, 2):
        card(name(day), bytes([day]))
    run(institute)
    send(owner, institute)
    shut, open_ = (each.job_id for each in MotusUpload.objects.order_by("day"))
    motus.uploads.jobs[open_].done = motus.uploads.jobs[open_].parts_done = 1
    real = motus_jobs.MotusJobs.job

    def shut_job(self, *, project, number):
        if number == shut:
            raise SyncError("No right to the jobs of this project.")
        return real(self, project=project, number=number)

    monkeypatch.setattr(motus_jobs.MotusJobs, "job", shut_job)
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute, is_searching=False)
    assert states() == [(1, "sent"), (2, "data")]
    waiting = MotusUpload.objects.get(state="sent")
    assert waiting.sentence == account_of(institute).files_answer == "No right to the jobs of this project."
    assert waiting.next_try_at == NOW + timedelta(hours=1) + fate.ASK_EVERY


def test_uploaded_but_no_data_after_three_days_is_an_incident(motus, account, owner, institute, station, card):
    def opened():
        pulse_beat(name=INGEST)
        rules_sweep()
        return list(Incident.objects.filter(rule="motus_no_data", closed_at=None).values_list("station", flat=True))

    card(name())
    run(institute)
    send(owner, institute)
    assert opened() == []
    with time_machine.travel(NOW + timedelta(days=3, minutes=1), tick=False):
        assert opened() == opened() == [station.pk]
        job = motus.uploads.jobs[only().job_id]
        job.done = job.parts_done = 1
        run(institute, is_searching=False)
        assert opened() == []


def test_automatic_organizations_need_nobody_and_others_are_only_searched_on_request(motus, account, institute, card):
    card(name())
    files_run_due()
    assert states() == []
    MotusAccount.objects.update(is_automatic=True)
    files_run_due()
    assert states() == [(1, "sent")]
    card(name(2))
    files_run_due()
    assert states() == [(1, "sent")]
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        files_run_due()
    assert states() == [(1, "sent"), (2, "sent")]


def test_an_answer_that_nobody_foresaw_costs_only_its_own_organization(account, institute, monkeypatch):
    elsewhere = Organization.objects.create(name="Elsewhere", slug="elsewhere", created_at=NOW)
    MotusAccount.objects.create(organization=elsewhere, login="wren")
    asked = []

    def odd(*, account):
        asked.append(account.organization_id)
        raise ValueError("year 57000 is out of range")

    monkeypatch.setattr(runs, "receivers_reconcile", odd)
    files_run_due()
    assert sorted(asked) == sorted([institute.pk, elsewhere.pk])
    assert "could not be used" in account_of(institute).files_answer


def test_without_files_it_says_so(account, institute, settings):
    settings.ROOST_MOTUS_FOLDER = ""
    run(institute)
    assert account_of(institute).files_answer == "No files of your stations are here: upload them first."


def test_what_a_station_uploaded_goes_to_motus_and_once_more_is_known(
    motus, account, owner, institute, elsewhere, settings, tmp_path
):
    settings.ROOST_MOTUS_FOLDER, settings.MEDIA_ROOT = "", tmp_path
    desk = Tus(f"Bearer {key_of(institute, write=True)}")
    content = gzip.compress(b"p1,1588309567.1,4.0,-40,-60\n", mtime=0)
    grown = gzip.compress(b"p1,1588309567.1,4.0,-40,-60\np1,1588309568.1,4.0,-40,-60\n", mtime=0)
    other = station_of(elsewhere)
    assert desk.upload(content, f"2026-05-01/{name(hour=5)}", station=SERIAL) == "stored"
    assert desk.upload(grown, f"2026-05-01/{name(hour=5)}", station=SERIAL) == "stored"
    assert desk.upload(content, f"2026-05-01/{name(hour=6)}", station=SERIAL) == "known"
    assert desk.upload(b"a note", "notes.txt", station=SERIAL) == "stored"
    stranger = Tus(f"Bearer {key_of(elsewhere, write=True)}")
    assert stranger.upload(content, f"2026-05-02/{name(2)}", station=other.serial) == "stored"
    run(institute)
    assert account_of(institute).files_answer == (
        "1 day with new files found. Copies no longer than the files sent, so not sent: 1. "
        "Files without receiver and time in their names, which Motus would ignore: 1."
    )
    send(owner, institute)
    assert states() == [(1, "sent")]
    (body,) = motus.uploads.received
    sent = zipfile.ZipFile(io.BytesIO(body))
    assert {one: sent.read(one) for one in sent.namelist()} == {name(hour=5): grown, name(hour=6): content}
    run(institute)
    assert states() == [(1, "sent")]
    assert "Files found before: 3." in account_of(institute).files_answer


def test_a_file_that_is_damaged_here_is_not_sent(account, institute, settings, tmp_path):
    settings.ROOST_MOTUS_FOLDER, settings.MEDIA_ROOT = "", tmp_path
    desk = Tus(f"Bearer {key_of(institute, write=True)}")
    assert desk.upload(gzip.compress(b"p1\n", mtime=0), name(), station=SERIAL) == "stored"
    StoredContent.objects.update(state="rotten")
    run(institute)
    assert states() == []
    assert account_of(institute).files_answer == (
        "0 days with new files found. Links, folders without access, and files that are damaged on the server, left "
        "out: 1."
    )


def test_only_operators_send_and_searches_have_a_pause(account, operator, viewer, stranger, institute, elsewhere, card):
    card(name())
    run(institute)
    for someone in (viewer, stranger):
        with pytest.raises(Forbidden):
            uploads_queue(actor=someone, organization=institute)
        with pytest.raises(Forbidden):
            upload_search(actor=someone, organization=institute)
    with pytest.raises(NotFound):
        upload_queue(actor=stranger, organization=elsewhere, upload_id=only().pk)
    upload_search(actor=operator, organization=institute)
    with pytest.raises(TooMany):
        upload_search(actor=operator, organization=institute)
    assert list(upload_list(organization=elsewhere)) == []


def test_the_pages(motus, account, institute, card, client, django_assert_max_num_queries):
    for day in range(1, 8):
        card(name(day), bytes([day]))
    card(name(1, hour=9), b"", is_packed=False)
    run(institute)
    client.force_login(person("keeper", (institute, Role.OPERATOR)))
    place = f"/organizations/{institute.slug}/motus/files/"
    with django_assert_max_num_queries(20):
        page = client.get(place).content.decode()
    assert "Send 7 ready days" in page
    assert "1 left out" in page
    first = MotusUpload.objects.get(day__day=1)
    inside = client.get(f"{place}{first.pk}/").content.decode()
    assert "Left out. It is empty." in " ".join(inside.split())
    assert client.post(f"{place}{first.pk}/").status_code == 302
    client.post(place, {"do": "send"})
    assert {state for _day, state in states()} == {"queued"}
    run(institute, is_searching=False)
    assert "Motus is processing it (job" in client.get(place + "?state=sent").content.decode()
    assert "being searched" in client.post(place, {"do": "search"}, follow=True).content.decode()
    client.force_login(person("reader", (institute, Role.VIEWER)))
    assert "Only operators and owners" in client.get(place).content.decode()
    assert client.post(place, {"do": "send"}).status_code == 403
