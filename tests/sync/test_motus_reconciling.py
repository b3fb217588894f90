"""Files at Motus, week by week: missing ones, other sizes, runs, reruns, and stations that upload by themselves."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sync.motus_files import NOW, SERIAL, name, only, run, send, states

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core.errors import Conflict, Forbidden
from fleet.core.pulses import INGEST, pulse_beat
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.adapters.clients import motus_jobs
from fleet.sync.models import MotusAccount, MotusDay, MotusDeployment, MotusReceiver, MotusUpload
from fleet.sync.motus import run_counts
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.by_itself import by_itself_decide, receiver_of
from fleet.sync.motus.runs import files_run_due
from operations.simulators.motus_answers import USERS

pytestmark = pytest.mark.django_db
LINE = b"p1,1588309567.1,4.0,-40,-60\n"


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def data(motus, account, owner, institute, card):
    """Two files of 1 May and one of 2 May that are data at Motus, compared with it once a week from the 27th on."""
    card(name(hour=5), LINE)
    card(name(hour=6), LINE * 2)
    card(name(2), LINE * 3)
    run(institute)
    motus.faults_set(job_outcome="done")
    send(owner, institute)
    assert states() == [(1, "data"), (2, "data")]
    return motus.uploads.records


def weekly(institute, noon, *, days=7):
    noon.shift(timedelta(days=days))
    run(institute, is_searching=False)
    return receiver()


def receiver():
    return MotusReceiver.objects.get()


def day(number=1):
    return MotusDay.objects.get(day__day=number)


def opened(rule):
    pulse_beat(name=INGEST)
    rules_sweep()
    return list(Incident.objects.filter(rule=rule, closed_at=None).values_list("station", flat=True))


def test_what_motus_lists_agrees(data, institute, noon):
    assert weekly(institute, noon).answer == "2 days compared with Motus."
    assert [(one.ours, one.theirs, one.lacking_since) for one in MotusDay.objects.order_by("day")] == [
        (2, 2, None),
        (1, 1, None),
    ]
    assert receiver().checked_at == NOW + timedelta(days=7)
    asked = receiver().tried_at
    run(institute, is_searching=False)
    assert receiver().tried_at == asked


def test_files_that_motus_lost_are_named_and_an_incident_when_it_lasts(data, institute, noon, station):
    bare = name(hour=6).removesuffix(".gz")
    data.lost.add(bare)
    assert weekly(institute, noon).answer == "2 days compared with Motus. Days with something missing at Motus: 1."
    assert (day().missing_there, day().n_missing_there, day().ours, day().theirs) == ([bare], 1, 2, 1)
    assert opened("motus_lacks_files") == []
    weekly(institute, noon)
    assert opened("motus_lacks_files") == [station.pk]
    assert Incident.objects.get(rule="motus_lacks_files").sentence.startswith(
        "Motus accepted its files of 1 day (2026-05-01), but does not list them all."
    )
    data.lost.clear()
    weekly(institute, noon)
    assert day().lacking_since is None
    assert opened("motus_lacks_files") == []


def test_a_whole_day_that_motus_lost(data, institute, noon):
    data.lost.add(name(2).removesuffix(".gz"))
    weekly(institute, noon)
    assert (day(2).theirs, day(2).n_missing_there) == (0, 1)


@pytest.mark.parametrize(("size", "is_lacking"), [(1, True), (500, False)])
def test_other_sizes_are_named_and_only_shorter_ones_lack_something(data, institute, noon, size, is_lacking):
    data.file_put(name(2), size)
    data.jobs[11_412_767].sizes.clear()
    weekly(institute, noon)
    bare = name(2).removesuffix(".gz")
    assert day(2).other_sizes == [f"{bare}: {3 * len(LINE)} / {size}"]
    assert (day(2).lacking_since is not None) is is_lacking


def test_files_that_are_only_at_motus_are_told(data, institute, noon):
    data.file_put(name(1, hour=9))
    data.file_put(name(13))
    found = weekly(institute, noon)
    assert (day().missing_here, day().n_missing_here, day().lacking_since) == (
        [name(1, hour=9).removesuffix(".gz")],
        1,
        None,
    )
    assert (found.other_days, found.other_files, found.other_last.day) == (1, 1, 13)


def test_runs_are_counted_by_day_and_a_rerun_is_noticed(data, institute, noon):
    weekly(institute, noon)
    assert day().runs is None
    began, ended = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC)
    data.batch_make(SERIAL, began, ended, [began + timedelta(hours=n) for n in (1, 2, 30)])
    weekly(institute, noon)
    assert [(one.runs, one.runs_changed_at) for one in MotusDay.objects.order_by("day")] == [(2, None), (1, None)]
    weekly(institute, noon)
    assert day().runs_changed_at is None
    data.batch_make(SERIAL, began, ended, [began + timedelta(hours=n) for n in (1, 30)])
    weekly(institute, noon)
    assert [(one.runs_before, one.runs) for one in MotusDay.objects.order_by("day")] == [(2, 1), (None, 1)]
    assert day().runs_changed_at == NOW + timedelta(days=28)


def test_runs_come_in_pages(data, institute, noon, monkeypatch):
    from operations.simulators import motus_records

    monkeypatch.setattr(motus_records, "_ROWS_MOST", 2)
    began = datetime(2026, 5, 1, tzinfo=UTC)
    for boot in range(3):
        start = began + timedelta(hours=6 * boot)
        data.batch_make(SERIAL, start, start + timedelta(hours=5), [start + timedelta(minutes=n) for n in range(5)])
    weekly(institute, noon)
    assert day().runs == 15
    monkeypatch.setattr(motus_jobs, "_PAGES_MOST", 1)
    data.batch_make(SERIAL, began, began + timedelta(hours=5), [began])
    assert "too many to count" in weekly(institute, noon).answer
    assert day().runs == 15


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"html": True}, "answered with a web page instead of data"),
        ({"internal_error": True}, "has an internal error (status 500)"),
        ({"error_in_band": "not authorized"}, "refused: not authorized"),
        ({"truncated": True}, "cut off"),
        ({"cut": True}, "connection to Motus' job server broke"),
    ],
)
def test_a_comparison_that_fails_changes_nothing_says_why_and_is_tried_again(
    motus, data, institute, noon, faults, sentence
):
    weekly(institute, noon)
    compared = day().checked_at
    motus.faults_set(only="list_receiver_files", **faults)
    assert sentence in weekly(institute, noon).answer
    assert day().checked_at == compared
    motus.faults_set()
    run(institute, is_searching=False)
    assert sentence in receiver().answer
    noon.shift(timedelta(hours=1))
    run(institute, is_searching=False)
    assert receiver().answer == "2 days compared with Motus."


def test_a_receiver_that_motus_does_not_know_has_no_files_there(motus, data, institute, noon):
    motus.faults_set(receiver_unknown=True)
    weekly(institute, noon)
    assert (day().theirs, day().n_missing_there) == (0, 2)


def test_a_refused_login_stops_the_comparison(motus, data, institute, noon, monkeypatch):
    monkeypatch.setitem(USERS, "warbler", ("changed", {"projects": {"1": "x"}, "userID": 1}))
    weekly(institute, noon)
    assert account_of(institute).is_refused


def own_uploads(motus, *days):
    for number in days:
        motus.uploads.records.file_put(name(number))


def test_a_station_that_uploads_by_itself_is_recognised_before_the_first_upload(motus, account, institute, card):
    own_uploads(motus, 17, 18, 19)
    for number in (17, 18):
        card(name(number))
    MotusAccount.objects.update(is_automatic=True)
    files_run_due()
    assert receiver().is_by_itself
    assert states() == [(17, "held"), (18, "held")]
    assert MotusUpload.objects.first().sentence == (
        "The station sends its files to Motus by itself, so Roost leaves them alone."
    )
    assert motus.uploads.steps == []
    card(name(1))
    run(institute)
    assert account_of(institute).files_answer == (
        "0 days with new files found. Files of stations that send them to Motus by themselves: 3."
    )


@pytest.mark.parametrize("days", [(18, 19), (1, 2, 3, 4, 5)])
def test_a_card_read_by_hand_is_no_station_that_uploads_by_itself(motus, account, institute, card, days):
    own_uploads(motus, *days)
    card(name(18))
    run(institute)
    assert not receiver().is_by_itself
    assert states() == [(18, "found")]


def test_a_person_decides_who_sends_and_that_stays(
    motus, account, institute, station, card, owner, operator, viewer, stranger, noon
):
    own_uploads(motus, 17, 18, 19)
    card(name(18))
    run(institute)
    for someone in (viewer, stranger):
        with pytest.raises(Forbidden):
            by_itself_decide(actor=someone, station=station, is_by_itself=False)
    by_itself_decide(actor=operator, station=station, is_by_itself=False)
    run(institute)
    assert states() == [(18, "found")]
    noon.shift(timedelta(days=7))
    own_uploads(motus, 24, 25, 26)
    run(institute, is_searching=False)
    assert (receiver_of(station).is_by_itself, receiver_of(station).decided_by_name) == (False, "operator")
    send(owner, institute)
    assert states() == [(18, "sent")]
    by_itself_decide(actor=operator, station=station, is_by_itself=True)
    card(name(2))
    run(institute)
    assert states() == [(18, "sent")]


def test_without_a_login_nobody_decides(institute, station, owner):
    with pytest.raises(Conflict):
        by_itself_decide(actor=owner, station=station, is_by_itself=True)
    assert receiver_of(station) is None


def test_a_missing_deployment_is_an_incident_before_anything_is_sent(motus, account, institute, station, card):
    MotusDeployment.objects.all().delete()
    card(name(18))
    run(institute)
    assert (only().state, only().held_for) == ("held", "deployment")
    assert opened("motus_missing") == [station.pk]
    assert Incident.objects.get(rule="motus_missing").sentence.startswith(
        "Its files of 1 day (2026-05-18) are waiting, because Motus has no deployment of it for that day."
    )
    assert motus.uploads.steps == []
    MotusUpload.objects.update(state="found", held_for="")
    assert opened("motus_missing") == []


def test_held_days_of_long_ago_are_no_incident(account, institute, card):
    MotusDeployment.objects.all().delete()
    card(name(18).replace("2026-05", "2026-01"))
    run(institute)
    assert only().state == "held"
    assert opened("motus_missing") == []


def test_a_boot_number_that_falls_from_one_day_to_a_later_one_is_warned_of(account, owner, institute, card):
    card(name(1, boot=120))
    card(name(2, boot=120))
    run(institute)
    send(owner, institute)
    card(name(4, boot=3))
    card(name(5, boot=4))
    run(institute)
    warnings = dict(MotusUpload.objects.values_list("day__day", "warnings"))
    assert warnings[4] == warnings[5].replace("to 4", "to 3")
    assert warnings[4].startswith("The boot number dropped from 120 on 2026-05-02 to 3: was the card rewritten?")
    assert warnings[1] == warnings[2] == ""


LOG = f"""Unpacking file x.zip with 7z
Error: these 1 files are full of zeroes:
(perhaps your folder has not finished syncing?)
   {name(1, hour=5)}
Warning: these 1 files are empty:
   {name(1, hour=6)}
Processing will continue with the remaining 1 files.
"""


def test_the_log_is_read_file_by_file_and_a_file_set_aside_is_replaced_by_a_shorter_copy(
    motus, account, owner, institute, card
):
    for hour in (5, 6, 7):
        card(name(1, hour=hour), LINE * 2)
    run(institute)
    send(owner, institute)
    motus.uploads.jobs[only().job_id].done = motus.uploads.jobs[only().job_id].parts_done = 1
    motus.uploads.jobs[only().job_id].log = LOG
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        run(institute, is_searching=False)
    assert (only().state, only().sentence) == (
        "data",
        f"Motus has processed it (job {only().job_id}). Files that Motus set aside: 2.",
    )
    assert [(each["said"], each.get("is_set_aside", False)) for each in only().files] == [
        ("Error: these 1 files are full of zeroes", True),
        ("Warning: these 1 files are empty", True),
        ("", False),
    ]
    card(name(1, hour=5), LINE, folder=f"{SERIAL}/backup")
    run(institute)
    assert states() == [(1, "data"), (1, "found")]


def test_only_batches_of_days_that_changed_are_read_again(data, institute, noon, monkeypatch):
    first = datetime(2026, 5, 1, tzinfo=UTC)
    for start in (first, first + timedelta(days=1)):
        data.batch_make(SERIAL, start, start + timedelta(hours=20), [start])
    weekly(institute, noon)
    asked = []
    real = motus_jobs.MotusJobs.runs
    monkeypatch.setattr(
        motus_jobs.MotusJobs, "runs", lambda self, *, batch: asked.append(batch) or real(self, batch=batch)
    )
    weekly(institute, noon)
    assert asked == []
    made = data.batch_make(SERIAL, first, first + timedelta(hours=20), [first, first])
    weekly(institute, noon)
    assert asked == [made.number]
    assert [(one.runs_before, one.runs) for one in MotusDay.objects.order_by("day")] == [(1, 2), (None, 1)]


def test_batches_beyond_the_most_are_told_and_their_days_not_counted(data, institute, noon, monkeypatch):
    monkeypatch.setattr(run_counts, "BATCHES_MOST", 1)
    first = datetime(2026, 5, 1, tzinfo=UTC)
    for start in (first, first + timedelta(days=1)):
        data.batch_make(SERIAL, start, start + timedelta(hours=20), [start])
    assert "not counted, because there are too many: 1." in weekly(institute, noon).answer
    assert [one.runs for one in MotusDay.objects.order_by("day")] == [None, 1]
    assert "too many" not in weekly(institute, noon).answer
    assert [one.runs for one in MotusDay.objects.order_by("day")] == [1, 1]
