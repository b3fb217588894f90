"""A part of what Motus answers is bad: the rest is kept, the part is named, and nobody else waits for it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from people import station_of
from sync.motus_files import NOW, SERIAL, name, run, send, states

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.adapters.clients import motus_jobs
from fleet.sync.adapters.clients.motus_jobs import MotusJobs
from fleet.sync.models import MotusAccount, MotusDay, MotusReceiver, MotusUpload
from fleet.sync.motus import fate, run_counts
from fleet.sync.motus.by_itself import by_itself_notice
from fleet.sync.motus.runs import files_run_due

pytestmark = pytest.mark.django_db
LINE = b"p1,1588309567.1,4.0,-40,-60\n"
FIRST = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def data(motus, account, owner, institute, card):
    """Files of 1 and 2 May that are data at Motus, with a batch of one run on each day."""
    for number in (1, 2):
        card(name(number), LINE * number)
    run(institute)
    motus.faults_set(job_outcome="done")
    send(owner, institute)
    assert states() == [(1, "data"), (2, "data")]
    for start in (FIRST, FIRST + timedelta(days=1)):
        batch_make(motus.uploads.records, start)
    return motus.uploads.records


def batch_make(records, start, runs=1):
    return records.batch_make(SERIAL, start, start + timedelta(hours=20), [start] * runs)


def weekly(institute, noon, *, days=7):
    noon.shift(timedelta(days=days))
    run(institute, is_searching=False)
    return MotusReceiver.objects.get()


def runs_now():
    return list(MotusDay.objects.order_by("day").values_list("runs", flat=True))


def test_a_question_that_failed_does_not_count_as_asked(motus, account, institute, card):
    for number in (17, 18, 19):
        motus.uploads.records.file_put(name(number))
    for number in (17, 18):
        card(name(number))
    MotusAccount.objects.update(is_automatic=True)
    motus.faults_set(only="list_receiver_files", internal_error=True)
    files_run_due()
    # Motus has not said yet that the station sends its files by itself.
    assert (states(), motus.uploads.steps) == ([(17, "found"), (18, "found")], [])
    receiver = MotusReceiver.objects.get()
    assert (receiver.tried_at, receiver.asked_at) == (NOW, None)
    motus.faults_set()
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        files_run_due()
    assert (states(), motus.uploads.steps) == ([(17, "held"), (18, "held")], [])


@pytest.mark.parametrize(
    ("only", "sentence"),
    [
        ("deviceID_for_receiver", "Runs were not counted: Motus' job server refused: no such table"),
        ("batches_for_receiver", "Runs were not counted: Motus' job server refused: no such table"),
        ("runs_for_receiver", "whose runs could not be read: 2. Motus' job server refused: no such table"),
    ],
)
def test_runs_that_motus_does_not_give_cost_only_themselves(motus, data, institute, noon, only, sentence):
    motus.faults_set(only=only, error_in_band="no such table")
    data.lost.add(name(1).removesuffix(".gz"))
    found = weekly(institute, noon)
    assert found.answer.startswith("2 days compared with Motus. Days with something missing at Motus: 1.")
    assert sentence in found.answer
    assert found.checked_at == NOW + timedelta(days=7)
    assert [one.n_missing_there for one in MotusDay.objects.order_by("day")] == [1, 0]
    motus.faults_set()
    assert weekly(institute, noon).answer == "2 days compared with Motus. Days with something missing at Motus: 1."
    assert runs_now() == [1, 1]


def test_one_bad_batch_costs_only_its_days_and_is_read_when_motus_gives_it(motus, data, institute, noon, monkeypatch):
    weekly(institute, noon)
    assert runs_now() == [1, 1]
    bad = batch_make(data, FIRST, 3)
    batch_make(data, FIRST + timedelta(days=1), 2)
    real = MotusJobs.runs

    def odd(self, *, batch):
        if batch == bad.number:
            raise SyncError("Too many rows.")
        return real(self, batch=batch)

    with monkeypatch.context() as patched:
        patched.setattr(MotusJobs, "runs", odd)
        assert "whose runs could not be read: 1. Too many rows." in weekly(institute, noon).answer
    assert runs_now() == [1, 2]
    weekly(institute, noon)
    assert runs_now() == [3, 2]


def test_trouble_that_passes_while_runs_are_read_keeps_the_files_and_is_tried_again(motus, data, institute, noon):
    motus.faults_set(only="runs_for_receiver", internal_error=True)
    assert "has an internal error (status 500)" in weekly(institute, noon).answer
    assert MotusReceiver.objects.get().checked_at == NOW
    assert list(MotusDay.objects.values_list("theirs", flat=True)) == [1, 1]
    motus.faults_set()
    noon.shift(timedelta(hours=1))
    run(institute, is_searching=False)
    assert (MotusReceiver.objects.get().answer, runs_now()) == ("2 days compared with Motus.", [1, 1])


def test_batches_beyond_the_most_are_read_by_the_next_comparison(data, institute, noon, monkeypatch):
    weekly(institute, noon)
    batch_make(data, FIRST, 3)
    batch_make(data, FIRST + timedelta(days=1), 2)
    monkeypatch.setattr(run_counts, "BATCHES_MOST", 1)
    assert "not counted, because there are too many: 1." in weekly(institute, noon).answer
    assert runs_now() == [1, 2]
    assert "too many" not in weekly(institute, noon).answer
    assert runs_now() == [3, 2]


@pytest.mark.parametrize(
    ("counts", "column"),
    [
        ({"day": ["2026-05-01", "2026-05-02"], "countDB": [1]}, "countDB"),
        ({"day": ["2026-05-01", "2026-05-02"], "countDB": [1, None]}, "countDB"),
        ({"day": ["2026-05-01", "2026-05-02"], "countDB": [1, "many"]}, "countDB"),
        ({"day": ["2026-05-01", "2026-05-02"], "countDB": [1, -1]}, "countDB"),
        ({"day": ["2026-05-01", "2 May"], "countDB": [1, 1]}, "day"),
        ({"day": ["2026-05-01", None], "countDB": [1, 1]}, "day"),
        ({"countDB": [1, 1]}, "day"),
        ("none", "fileCounts"),
        (None, "fileCounts"),
    ],
)
def test_a_column_that_cannot_be_read_is_named_and_is_no_day_without_files(
    motus, data, institute, noon, monkeypatch, counts, column
):
    weekly(institute, noon)
    real = MotusJobs._ask_with_token

    def odd(self, address, question):
        answer = real(self, address, question)
        if "fileCounts" in answer:
            answer = {"fileCounts": counts} if counts else {"serno": SERIAL}
        return answer

    monkeypatch.setattr(MotusJobs, "_ask_with_token", odd)
    assert f"Column {column} in the answer of" in weekly(institute, noon).answer
    assert [(one.theirs, one.lacking_since) for one in MotusDay.objects.all()] == [(1, None)] * 2


@pytest.mark.parametrize(
    ("entry", "change", "column"),
    [
        ("list_receiver_files", {"fileDetails": {"contentSize": [1]}}, "name"),
        ("list_receiver_files", {"fileDetails": {"name": ["a", None], "contentSize": [1, 1]}}, "name"),
        ("batches_for_receiver", {"batchID": [1, 2], "tsStart": [1.0], "tsEnd": [1.0, 2.0]}, "tsStart"),
        ("batches_for_receiver", {"batchID": ["x"], "tsStart": [1.0], "tsEnd": [2.0]}, "batchID"),
        ("runs_for_receiver", {"runID": [9_000_001], "tsBegin": ["soon"]}, "tsBegin"),
        ("deviceID_for_receiver", {"serno": [SERIAL]}, "deviceID"),
        ("list_jobs", {"id": [7]}, "done"),
    ],
)
def test_other_columns_too(monkeypatch, entry, change, column):
    monkeypatch.setattr(MotusJobs, "_ask_with_token", lambda _self, address, _question: (
        change if address.endswith(entry) else {"serno": [SERIAL], "deviceID": [1]}
    ))  # fmt: skip
    asked = {
        "list_receiver_files": lambda jobs: jobs.file_sizes(serial=SERIAL, day="2026-05-01"),
        "runs_for_receiver": lambda jobs: jobs.runs(batch=1),
        "list_jobs": lambda jobs: jobs.job(project=1, number=7),
    }
    with (
        MotusJobs(data_url="https://motus.example", status_url="https://motus.example", login="", password="") as jobs,
        pytest.raises(SyncError, match=f"Column {column} in the answer of"),
    ):
        asked.get(entry, lambda one: one.batches(serial=SERIAL))(jobs)


def test_a_job_about_which_questions_always_fail_ends_the_run_of_others_only_once(
    motus, account, owner, institute, card, noon, monkeypatch
):
    for day in (1, 2, 3):
        card(name(day), bytes([day]))
    run(institute)
    send(owner, institute)
    bad = MotusUpload.objects.get(day__day=1)
    MotusUpload.objects.filter(pk=bad.pk).update(next_try_at=NOW)
    real = motus_jobs.MotusJobs.job

    def slow(self, *, project, number):
        if number == bad.job_id:
            raise SyncError("Motus' job server did not answer in time. Roost asks again.", is_passing=True)
        return real(self, project=project, number=number)

    monkeypatch.setattr(motus_jobs.MotusJobs, "job", slow)
    for job in motus.uploads.jobs.values():
        job.done = job.parts_done = 1
    noon.shift(fate.ASK_EVERY)
    run(institute, is_searching=False)
    assert states() == [(1, "sent"), (2, "sent"), (3, "sent")]
    noon.shift(fate.ASK_EVERY)
    run(institute, is_searching=False)
    assert states() == [(1, "sent"), (2, "data"), (3, "data")]
    noon.shift(fate.ASK_EVERY)
    run(institute, is_searching=False)
    bad.refresh_from_db()
    assert bad.sentence == (
        f"Roost asked about job {bad.job_id} 3 times without an answer, and asks about the others first. "
        "Motus' job server did not answer in time. Roost asks again."
    )
    monkeypatch.undo()
    noon.shift(fate.ASK_EVERY)
    run(institute, is_searching=False)
    assert (only_of(bad).state, only_of(bad).attempts) == ("data", 0)


def only_of(upload):
    return MotusUpload.objects.get(pk=upload.pk)


def test_a_receiver_whose_comparison_always_fails_lets_the_others_go_first(
    motus, account, institute, card, noon, monkeypatch
):
    second = "SG-7F5ERPI46978"
    other = station_of(institute)
    other.serial = second
    other.save()
    card(name(1))
    card(name(1, part="7F5ERPI46978"), folder=second)
    real = MotusJobs.file_counts

    def slow(self, *, serial):
        if serial == SERIAL:
            raise SyncError("Motus' job server did not answer in time.", is_passing=True)
        return real(self, serial=serial)

    monkeypatch.setattr(MotusJobs, "file_counts", slow)
    run(institute)
    checked = dict(MotusReceiver.objects.values_list("serial", "checked_at"))
    assert checked == {SERIAL: None, second: None}
    noon.shift(timedelta(hours=1))
    run(institute, is_searching=False)
    checked = dict(MotusReceiver.objects.values_list("serial", "checked_at"))
    assert checked == {SERIAL: None, second: NOW + timedelta(hours=1)}
    assert MotusReceiver.objects.get(serial=SERIAL).failures == 2
    # What the other one was told stays.
    assert MotusReceiver.objects.get(serial=second).answer.startswith("Motus has no files of a receiver")


def test_a_decision_made_during_a_comparison_stays(motus, account, institute, station):
    receiver = MotusReceiver.objects.create(account=account, serial=SERIAL)
    MotusReceiver.objects.update(decided_at=NOW, decided_by_name="operator")
    days = {NOW.date() - timedelta(days=number): 1 for number in range(4)}
    by_itself_notice(receiver, theirs=days, ours=[], moment=NOW)
    assert not MotusReceiver.objects.get().is_by_itself
