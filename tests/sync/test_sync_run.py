"""A check of an outside system: every row is stored, stations are linked to the right row, and differences are
recorded.
"""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from fleet.core.errors import Conflict, NotFound, TooMany
from fleet.stations.models import Station
from fleet.sync import services
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.models import ExternalChange, ExternalLink, ExternalRecord, SyncRun
from fleet.sync.selectors import links_of
from fleet.sync.services import sync_run, sync_run_due

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


def check(started_by="owner"):
    return sync_run(system="motus", started_by=started_by)


def linked_to(station):
    link = ExternalLink.objects.select_related("record").get(station=station, system="motus")
    return link.record.data["motusRecvID"] if link.record else None


def changes():
    return sorted(
        (change.field, change.before, change.after)
        for change in ExternalChange.objects.order_by("id").exclude(field="link")
    )


def test_every_row_is_taken_with_its_oddities(motus):
    run = check()
    assert (run.state, run.records) == ("succeeded", len(motus.rows))
    stored = sorted(record.data["motusRecvID"] for record in ExternalRecord.objects.all())
    assert stored == sorted(row["motusRecvID"] for row in motus.rows)
    assert ExternalRecord.objects.filter(data__receiverID=None).exists()
    assert not ExternalChange.objects.exists()


def test_a_second_list_without_a_difference_changes_nothing(motus, make_station):
    make_station("SG-NONE")
    check()
    before = list(ExternalRecord.objects.order_by("pk").values_list("pk", "key", "data"))
    assert check().changes == 0
    assert list(ExternalRecord.objects.order_by("pk").values_list("pk", "key", "data")) == before


def test_rows_without_a_number_and_rows_that_share_one_are_all_kept(motus, make_row):
    rows = [
        make_row(None, "SG-1"),
        make_row(None, "SG-1"),
        make_row(None, "SG-2"),
        make_row(7, "SG-3"),
        make_row(7, "SG-4"),
        make_row("", None, deviceID=None),
        make_row(True, "SG-5"),
        {},
        {"receiverID": ["a", {"b": "\x00"}], "motusRecvID": {"x": 1}},
        make_row(8, "N\x00UL" + "x" * 500, deploymentName="\x00"),
    ]
    motus.rows_set(rows)
    assert check().records == len(rows)
    motus.rows_set(list(reversed(rows)))
    assert check().changes == 0
    assert ExternalRecord.objects.filter(absent_since=None).count() == len(rows)
    # PostgreSQL stores no NUL: a sign stands where it was.
    assert ExternalRecord.objects.filter(data__deploymentName="\ufffd").count() == 1


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([("terminated", "2019-01-01"), ("active", "2014-01-01"), ("pending", None)], 1),
        ([("terminated", "2014-01-01"), ("terminated", "2019-01-01")], 1),
        ([("active", "2014-01-01"), ("active", "2019-01-01")], 1),
        ([("pending", None), ("terminated", "2014-01-01")], 1),
        ([("Active", None), ("terminated", "2019-01-01")], 0),
        ([(None, None), ("Lost at sea", None)], 1),
    ],
)
def test_the_active_row_first_then_the_newest(motus, make_row, make_station, rows, chosen):
    motus.rows_set(
        [
            make_row(n, "SG-1", deploymentStatus=status, dtStart=day and f"{day} 00:00:00 +00:00")
            for n, (status, day) in enumerate(rows)
        ]
    )
    station = make_station("SG-1")
    check()
    assert linked_to(station) == chosen


def test_the_offset_counts_for_which_is_newest(motus, make_row, make_station):
    motus.rows_set(
        [
            make_row(1, "SG-1", dtStart="2019-07-17 23:30:00 +00:00"),
            make_row(2, "SG-1", dtStart="2019-07-17 20:00:00 -04:00"),
        ]
    )
    station = make_station("SG-1")
    check()
    assert linked_to(station) == 2


@pytest.mark.parametrize(("ours", "theirs"), [("SG-1A2B", "sg-1a2b"), ("sg-1a2b", "SG-1A2B"), ("SG-1A2B", " SG-1A2B ")])
def test_case_and_blanks_of_a_serial_do_not_matter(motus, make_row, make_station, ours, theirs):
    motus.rows_set([make_row(1, theirs)])
    station = make_station(ours)
    check()
    assert linked_to(station) == 1


def test_a_changed_field_is_written_down_and_kept_as_it_came(motus, make_row):
    motus.rows_set([make_row(1, "SG-1")])
    check()
    motus.rows_set([make_row(1, "SG-1", receiverType="SOMETHING NEW", deploymentName=None)])
    run = check()
    assert run.changes == 2
    assert changes() == [("deploymentName", "Heron Point", None), ("receiverType", "SENSORGNOME", "SOMETHING NEW")]
    assert ExternalRecord.objects.get().data["receiverType"] == "SOMETHING NEW"


def test_a_row_that_goes_is_said_to_be_absent_and_comes_back_as_itself(motus, make_row, make_station):
    station = make_station("SG-1")
    both = [make_row(1, "SG-1"), make_row(2, "SG-2")]
    motus.rows_set(both)
    check()
    motus.faults_set(missing_active="SG-1")
    check()
    assert linked_to(station) is None
    assert "has not listed this serial since" in links_of(station=station)[0].sentence
    motus.faults_set()
    check()
    assert linked_to(station) == 1
    assert changes() == [("listed", False, True), ("listed", True, False)]
    assert ExternalChange.objects.filter(field="link", station=station).count() == 2
    assert ExternalRecord.objects.count() == 2


def test_a_new_active_deployment_moves_the_link_and_keeps_the_old_one(motus, make_row, make_station):
    station = make_station("SG-1")
    motus.rows_set([make_row(1, "SG-1")])
    check()
    motus.rows_set([make_row(1, "SG-1", deploymentStatus="terminated"), make_row(2, "SG-1", deploymentName="Weir")])
    check()
    view = links_of(station=station)[0]
    assert view.is_listed
    assert view.listing.name == "Weir"
    assert [other.name for other in view.others] == ["Heron Point"]
    assert "as active at Weir, since 19 Nov 2016; 1 other deployment" in view.sentence


def test_nothing_of_our_station_is_overwritten(motus, make_row, make_station):
    make_station("SG-1")
    before = Station.objects.values().get()
    motus.rows_set([make_row(1, "SG-1")])
    check()
    assert Station.objects.values().get() == before


def test_a_serial_that_motus_does_not_know_is_said_to_be_absent(motus, make_station):
    station = make_station("SG-NOWHERE")
    assert "has not been asked" in links_of(station=station)[0].sentence
    check()
    view = links_of(station=station)[0]
    assert not view.is_listed
    assert "Motus does not list this serial (checked" in view.sentence


def test_an_empty_list_is_not_believed_before_a_person_saw_how_short_it_is(motus):
    check()
    listed = ExternalRecord.objects.filter(absent_since=None).count()
    motus.faults_set(empty=True)
    with time_machine.travel(datetime.now(tz=UTC) + timedelta(hours=2)):
        run = check(started_by="")
        assert run.state == "failed"
        assert "nothing was changed" in run.sentence
        assert ExternalRecord.objects.filter(absent_since=None).count() == listed
        # Pressing the button accepts no list that nobody has seen.
        asked = check()
        assert (asked.state, asked.doubted_rows) == ("failed", 0)
        assert ExternalRecord.objects.filter(absent_since=None).count() == listed
        taken = sync_run(system="motus", started_by="owner", believed_rows=asked.doubted_rows)
        assert taken.state == "succeeded"
    assert not ExternalRecord.objects.filter(absent_since=None).exists()


def test_a_list_shorter_than_the_one_that_was_seen_is_asked_about_again(motus, make_row):
    motus.rows_set([make_row(number, f"SG-{number}") for number in range(40)])
    check()
    motus.rows_set([make_row(number, f"SG-{number}") for number in range(15)])
    assert check().doubted_rows == 15
    motus.rows_set([make_row(number, f"SG-{number}") for number in range(14)])
    again = sync_run(system="motus", started_by="owner", believed_rows=15)
    assert (again.state, again.doubted_rows) == ("failed", 14)
    assert "listed only 14 rows instead of 40 as before" in again.sentence
    assert ExternalRecord.objects.filter(absent_since=None).count() == 40
    assert sync_run(system="motus", started_by="owner", believed_rows=14).state == "succeeded"


def test_all_three_stations_gone_are_asked_about_too(motus, make_row):
    motus.rows_set([make_row(number, f"SG-{number}") for number in range(3)])
    check()
    motus.rows_set([])
    run = check()
    assert (run.state, run.doubted_rows) == ("failed", 0)


def test_numbers_that_became_fractions_are_the_same_rows_and_no_change(motus, make_row):
    motus.rows_set([make_row(502, "SG-1"), make_row(503, "SG-2")])
    check()
    motus.rows_set([make_row(502.0, "SG-1", recvProjectID=1.0), make_row("503.0", "SG-2")])
    run = check()
    assert run.records == 2
    assert sorted(ExternalRecord.objects.values_list("key", flat=True)) == ["502", "503"]
    assert changes() == [("motusRecvID", 503, "503.0")]


@pytest.mark.parametrize("faults", [{"html": True}, {"internal_error": True}, {"cut": True}, {"error_in_band": "down"}])
def test_a_failed_run_says_why_and_leaves_everything(motus, make_station, faults):
    station = make_station(next(row["receiverID"] for row in motus.rows if (row["receiverID"] or "").startswith("SG-")))
    check()
    before = linked_to(station)
    motus.faults_set(**faults)
    run = check()
    assert run.state == "failed"
    assert run.sentence.startswith(("Motus", "The connection"))
    assert linked_to(station) == before is not None


def test_the_clock_keeps_its_distance_and_backs_off(motus):
    now = datetime.now(tz=UTC)
    with time_machine.travel(now, tick=False) as traveller:
        motus.faults_set(html=True)
        assert len(sync_run_due()) == 1
        pauses = []
        for _ in range(7):
            run = SyncRun.objects.order_by("-id").first()
            pauses.append((run.not_before - run.finished_at) // timedelta(minutes=1))
            traveller.move_to(run.not_before - timedelta(seconds=1))
            assert sync_run_due() == []
            traveller.move_to(run.not_before)
            assert len(sync_run_due()) == 1
    assert pauses == [10, 20, 40, 80, 160, 320, 360]


def test_retry_after_is_honoured_by_the_clock(motus):
    now = datetime.now(tz=UTC)
    with time_machine.travel(now, tick=False) as traveller:
        motus.faults_set(busy_retry_after=7200, times=1)
        sync_run_due()
        traveller.shift(timedelta(minutes=119))
        assert sync_run_due() == []
        traveller.shift(timedelta(minutes=2))
        assert sync_run_due()[0].state == "succeeded"


def test_the_clock_asks_at_its_interval_and_a_person_between(motus, settings):
    settings.ROOST_SYNC_INTERVAL_S = 60
    now = datetime.now(tz=UTC)
    with time_machine.travel(now, tick=False) as traveller:
        assert len(sync_run_due()) == 1
        traveller.shift(timedelta(minutes=9))
        assert sync_run_due() == []
        with pytest.raises(TooMany):
            check(started_by="")
        assert check().state == "succeeded"
        traveller.shift(timedelta(minutes=11))
        assert len(sync_run_due()) == 1


def test_a_station_added_between_two_checks_is_linked_from_the_stored_list(motus, make_row, make_station):
    motus.rows_set([make_row(1, "SG-1")])
    sync_run_due()
    station = make_station("SG-1")
    asked = len(motus.requests)
    assert sync_run_due() == []
    assert linked_to(station) == 1
    assert len(motus.requests) == asked


def test_a_run_that_was_interrupted_is_closed_by_the_next(motus):
    stuck = SyncRun.objects.create(system="motus", started_at=datetime.now(tz=UTC) - timedelta(hours=1))
    check()
    stuck.refresh_from_db()
    assert stuck.state == "failed"
    assert "interrupted" in stuck.sentence


def test_a_fault_of_our_own_closes_the_run_and_is_not_hidden(motus, monkeypatch):
    def broken(*, adapter, rows, run, moment):
        raise ZeroDivisionError

    monkeypatch.setattr(services, "records_take", broken)
    with pytest.raises(ZeroDivisionError):
        check()
    assert SyncRun.objects.get().state == "failed"


def test_an_unknown_system_is_named_with_those_there_are():
    with pytest.raises(NotFound, match="Available: motus"):
        sync_run(system="nosuch")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_ask_once(motus, make_row):
    motus.faults_set(slow_s=0.5)
    outcomes = []

    def one():
        try:
            outcomes.append(check().state)
        except Conflict:
            outcomes.append("running")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["running", "running", "succeeded"]
    assert len(motus.requests) == 1


def test_the_number_of_queries_does_not_grow_with_rows_and_stations(motus, make_row, make_station):
    def queries(count):
        motus.rows_set([make_row(n, f"SG-{n}") for n in range(count)])
        with CaptureQueriesContext(connection) as captured:
            check()
        return len(captured)

    for n in range(3):
        make_station(f"SG-{n}")
    few = queries(5)
    for n in range(3, 60):
        make_station(f"SG-{n}")
    assert queries(300) <= few + 1
