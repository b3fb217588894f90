"""Between two turns of a back-fill: archives stay on the disk, leftovers are removed, and times may have changed."""

import os
from datetime import timedelta

import pytest
from backfill.conftest import SERVER, content_path, rows, sent, store, surveyed, worked
from backfill.test_archives import tar_of, zip_of
from backfill.test_backfill import kinds, sums_hold
from cards.conftest import file_name, hour_text
from django.db.models import Value
from django.db.models.functions import Concat
from waiting import until

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.ingest.backfill import pieces, turns, workroom
from fleet.ingest.backfill.selectors import backfill_questions, backfill_report
from fleet.ingest.backfill.services import backfill_answer, backfill_ask, backfill_stop
from fleet.ingest.backfill.turns import backfills_work
from fleet.ingest.cards import sending
from fleet.ingest.cards.services import CardAnswers
from fleet.ingest.corrections.time_shifts import time_shift
from fleet.ingest.limits.quota import OVER_QUOTA
from fleet.ingest.models import Backfill, BackfillFile, QuarantinedMessage
from fleet.ingest.replay import quota_release
from fleet.telemetry.models import StreamLedger

pytestmark = pytest.mark.django_db(transaction=True)
State = Backfill.State
HOURS = [(file_name(hour=hour), hour_text(hour)) for hour in range(5)]
PACKED = [("many.zip", zip_of), ("many.tar.gz", tar_of)]


@pytest.fixture
def small(monkeypatch):
    """Put two files into a piece, and one piece into a turn."""
    monkeypatch.setattr(pieces, "PIECE_MEMBERS", 2)
    monkeypatch.setattr(turns, "TURN_S", -1.0)


@pytest.fixture
def copied(monkeypatch):
    """Paths of the stored files whose contents were copied to the disk."""
    found, real = [], workroom.content_lay

    def lay(revision, path):
        found.append(revision.file.path)
        return real(revision, path)

    monkeypatch.setattr(workroom, "content_lay", lay)
    return found


def archives():
    return sorted(path.name for path in (workroom.workroom() / "archives").iterdir())


def left_in_workroom():
    return sorted(path.name for path in workroom.workroom().iterdir() if path.name != "archives")


@pytest.mark.parametrize(("name", "pack"), PACKED)
def test_an_archive_is_copied_once_for_all_turns_and_gone_at_their_end(station, queues, small, copied, name, pack):
    stored = store(station, name, pack(*HOURS))
    asked, places, there = backfill_ask(actor=SERVER, station=station), [], []
    while backfills_work():
        asked.refresh_from_db()
        places.append(asked.at_member)
        there.append(archives())
    assert places[:2] == [2, 4]
    assert there[:2] == [[stored.content.sha256]] * 2
    assert (asked.state, copied) == ("surveyed", [name])
    backfills_work()
    assert (archives(), left_in_workroom()) == ([], [])
    assert BackfillFile.objects.filter(backfill=asked, state="done").count() == 5


@pytest.mark.parametrize(("name", "pack"), PACKED)
def test_the_archive_of_a_back_fill_that_was_stopped_is_removed(station, queues, small, name, pack):
    store(station, name, pack(*HOURS))
    asked = backfill_ask(actor=SERVER, station=station)
    assert backfills_work()
    assert len(archives()) == 1
    backfill_stop(actor=SERVER, backfill=asked)
    assert not backfills_work()
    assert archives() == []


def test_an_archive_beyond_the_bound_does_not_stay(station, queues, small, copied, monkeypatch):
    monkeypatch.setattr(workroom, "KEPT_BYTES", 100)
    (workroom.workroom() / "archives").mkdir()
    begun = turns._archives_begun
    monkeypatch.setattr(turns, "_archives_begun", lambda: begun() | {"other"})
    (workroom.workroom() / "archives" / "other").write_bytes(b"x")
    store(station, "many.zip", zip_of(*HOURS))
    worked(backfill_ask(actor=SERVER, station=station))
    assert copied == ["many.zip"] * 3
    assert archives() == ["other"]


def test_kept_archives_make_room_for_what_is_read_now(station, queues, monkeypatch):
    (workroom.workroom() / "archives").mkdir()
    kept = workroom.workroom() / "archives" / "other"
    kept.write_bytes(b"x")
    monkeypatch.setattr(workroom, "parts_room", lambda: 0 if kept.exists() else 10**12)
    monkeypatch.setattr(turns, "_archives_begun", lambda: {"other"})
    store(station, *HOURS[0])
    assert surveyed(station).state == State.SURVEYED
    assert not kept.exists()


def test_a_tar_archive_without_room_beside_it_is_read_in_the_store(station, queues, small, copied, monkeypatch):
    stored = store(station, "many.tar.gz", tar_of(*HOURS))
    monkeypatch.setattr(pieces, "UNPACKED_MOST", stored.content.octets - 1)
    monkeypatch.setattr(workroom, "parts_room", lambda: workroom.ROOM_LEAST + stored.content.octets - 1)
    done = surveyed(station)
    assert (done.state, copied) == (State.SURVEYED, [])
    assert kinds(done)[0]["p"] == 30


def test_a_turn_reads_for_as_long_as_it_took_to_reach_its_first_piece(station, queues, small, monkeypatch):
    store(station, "many.zip", zip_of(*HOURS))
    asked = backfill_ask(actor=SERVER, station=station)
    monkeypatch.setattr(turns, "LONG_S", -1.0)
    monkeypatch.setattr(turns, "TURN_MOST_S", 200.0)
    real = workroom.content_lay

    def slow(revision, path):
        monkeypatch.setattr(turns.time, "monotonic", lambda: 0.0)
        reason = real(revision, path)
        monkeypatch.setattr(turns.time, "monotonic", lambda: 90.0)
        return reason

    monkeypatch.setattr(turns.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(workroom, "content_lay", slow)
    assert backfills_work()
    asked.refresh_from_db()
    # All three pieces: 90 s to the first one give 90 s for reading.
    assert asked.state == State.SURVEYED


def test_a_deep_tree_in_the_workroom_is_removed_and_stops_nobody(station, queues, tmp_path):
    top = workroom.workroom() / "tmpleft"
    top.mkdir()
    there = os.open(top, os.O_RDONLY)
    for _step in range(3_000):
        os.mkdir("a", dir_fd=there)
        inner = os.open("a", os.O_RDONLY, dir_fd=there)
        os.close(there)
        there = inner
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=there))
    os.close(there)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"x")
    (workroom.workroom() / "link").symlink_to(outside)
    (top / "link").symlink_to(outside)
    store(station, *HOURS[0])
    assert surveyed(station).state == State.SURVEYED
    assert left_in_workroom() == []
    assert (outside / "kept").exists(), "no link is followed"


def test_a_workroom_that_cannot_be_cleared_stops_nobody(station, queues, monkeypatch, caplog):
    def clear(_kept):
        raise OSError("no")

    monkeypatch.setattr(turns, "workroom_clear", clear)
    store(station, *HOURS[0])
    assert surveyed(station).state == State.SURVEYED
    assert "could not be cleared" in caplog.text


def test_a_file_that_was_refused_when_it_was_sent_is_offered_as_unread(station, ingest):
    whole, other = store(station, *HOURS[0]), store(station, *HOURS[1])
    store(station, "notes.txt", b"mast 2 is loose")
    survey = surveyed(station)
    content_path(whole.content).write_bytes(b"x" * whole.content.octets)
    done = sent(survey)
    assert (done.state, rows()["p"]) == (State.DONE, 6)
    content_path(whole.content).write_bytes(HOURS[0][1])
    rest = surveyed(station, is_unread=True)
    assert (rest.stored_all, kinds(rest)[0]["p"]) == (1, 6)
    assert sent(rest).state == State.DONE
    assert rows()["p"] == 12
    with pytest.raises(InvalidInput, match="no such stored files"):
        backfill_ask(actor=SERVER, station=station, is_unread=True)
    assert other.content_id


def test_a_file_with_rotten_bytes_at_the_survey_is_offered_as_unread_too(station, ingest):
    rotten = store(station, "many.zip", zip_of(*HOURS))
    good = content_path(rotten.content).read_bytes()
    store(station, *HOURS[0])
    content_path(rotten.content).write_bytes(b"PK\x03\x04" + b"x" * (rotten.content.octets - 4))
    sent(surveyed(station))
    content_path(rotten.content).write_bytes(good)
    sent(surveyed(station, is_unread=True))
    assert rows()["p"] == 30
    with pytest.raises(InvalidInput, match="no such stored files"):
        backfill_ask(actor=SERVER, station=station, is_unread=True)


def test_times_that_are_corrected_after_the_answer_are_surveyed_again(station, ingest):
    wrong = (file_name(hour=4), b"p3,946684811.5266,2.637,-38.87,-53.61\n")
    store(station, *wrong)
    sent(surveyed(station), any_clock=True)
    StreamLedger.objects.update(stream=Concat(Value("outbox-"), "stream"))
    survey = surveyed(station)
    backfill_answer(actor=SERVER, backfill=survey, answers=CardAnswers(any_clock=True))
    time_shift(actor=SERVER, station=station, side="behind", offset=timedelta(days=8_000))
    again = worked(survey)
    assert (again.state, again.stored, backfill_report(again).totals.is_again) == (State.SURVEYED, 1, True)
    assert [question.kind for question in backfill_questions(again)] == ["corrected"]
    assert rows()["p"] == 1
    assert sums_hold(again)


def test_waiting_for_the_station_s_quota_is_said_and_waited_for_again(station, ingest, settings, monkeypatch):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 0.001, 0.2
    monkeypatch.setattr(sending, "WINDOW", 2)
    monkeypatch.setattr(turns, "PATIENCE_S", 2.0)
    store(station, "many.zip", zip_of(*HOURS))
    waiting = sent(surveyed(station))

    def is_said() -> bool:
        Backfill.objects.update(due_at=clock.now(), reason="")
        return "The station's quota is used up: 2 of its messages wait for it" in worked(waiting).reason

    until(is_said, "the quota is the reason")
    # The next try waits for the same messages: it does not take them for stored, and sends no others.
    assert is_said()
    assert (waiting.state, waiting.attempts) == (State.SENDING, 0)
    assert QuarantinedMessage.objects.filter(state="held", reason=OVER_QUOTA).count() == 2
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 100.0, 100.0
    quota_release()
    monkeypatch.setattr(turns, "PATIENCE_S", 60.0)
    Backfill.objects.update(due_at=clock.now())
    done = worked(waiting)
    assert (done.state, rows()["p"]) == (State.DONE, 30)
    assert sum(one.missing for one in backfill_report(done).kinds) == 0
    assert sums_hold(done)
