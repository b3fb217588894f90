"""Stored files become rows: surveyed, asked about, sent once, merged with what is here, and accounted for to the line."""

import gzip
import shutil
from collections import Counter
from datetime import timedelta

import pytest
from agent.test_replay import drained, grep_counted
from agent.test_to_database import deliveries
from backfill.conftest import SERVER, content_path, rows, sent, store, store_card, surveyed, worked
from cards.conftest import LINES, OTHER, REAL_CARD, file_name, hour_text
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Concat

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.files.models import StationFile, StoredContent
from fleet.ingest.backfill import pieces, turns
from fleet.ingest.backfill.selection import BackfillPlace
from fleet.ingest.backfill.selectors import backfill_files, backfill_questions, backfill_report
from fleet.ingest.backfill.services import KEPT, backfill_answer, backfill_ask, backfill_stop
from fleet.ingest.backfill.turns import WORK_JOB, backfills_work
from fleet.ingest.cards.services import CardAnswers
from fleet.ingest.corrections.time_shifts import time_shift
from fleet.ingest.models import Backfill, BackfillFile
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.models import StreamLedger

pytestmark = pytest.mark.django_db(transaction=True)
State = Backfill.State


def kinds(backfill):
    """Three counts of lines by letter: all, those here before, and those here afterwards."""
    report = backfill_report(backfill).kinds
    return (
        +Counter({one.letter: one.lines for one in report}),
        +Counter({one.letter: one.before for one in report}),
        +Counter({one.letter: one.after or 0 for one in report}),
    )


def sums_hold(backfill):
    """Every line and byte has one outcome, in each file and in all of them."""
    totals = backfill_report(backfill).totals
    assert totals.tally.lines_read == sum(totals.tally[4:])
    assert totals.tally.bytes_read == sum(totals.tally[:4])
    files = list(BackfillFile.objects.filter(backfill=backfill))
    assert totals.files == len(files) == sum(totals.states.values())
    assert sum(sum(file.lines.values()) for file in files) == totals.tally.lines_taken
    for column in ("lines_read", "lines_known", "lines_refused", "lines_kept_back"):
        assert sum(getattr(file, column) for file in files) == getattr(totals.tally, column)
    report = backfill_report(backfill)
    counted = sum(one.lines for one in report.kinds) + sum(on.lines.total() for on in report.others)
    assert counted == totals.tally.lines_taken
    for one in report.kinds:
        assert one.lines == one.before + one.new + one.missing
    return True


def test_stored_files_are_read_once_however_often(card, station, ingest):
    stored = store_card(station, card)
    asked = backfill_ask(actor=SERVER, station=station)
    assert (asked.state, asked.stored_all) == (State.SURVEYING, stored)
    assert OutboxMessage.objects.filter(routing_key=WORK_JOB).exists()
    survey = worked(asked)
    assert (survey.state, survey.reason, survey.stored) == (State.SURVEYED, "", stored)
    assert kinds(survey) == (LINES, Counter(), Counter())
    assert not StreamLedger.objects.exists(), "a survey writes nothing"
    assert backfill_questions(survey) == []
    done = sent(survey)
    assert (done.state, done.reason) == (State.DONE, "")
    assert kinds(done) == (LINES, Counter(), LINES)
    assert rows() == LINES
    assert sums_hold(done)
    assert StationFile.objects.filter(station=station, state="done", is_by_desk=True).count() == stored
    ledger = list(StreamLedger.objects.order_by("id").values_list("stream", "messages", "repeats"))
    again = sent(surveyed(station))
    assert kinds(again) == (LINES, LINES, LINES)
    assert sum(one.new for one in backfill_report(again).kinds) == 0
    assert list(StreamLedger.objects.order_by("id").values_list("stream", "messages", "repeats")) == ledger
    assert rows() == LINES
    assert AuditEntry.objects.filter(action="backfill.answer").count() == 2


def test_what_came_live_is_merged_and_only_the_rest_is_new(card, station, ingest):
    _feed, messages = drained(card)
    live = deliveries(messages[:2])
    for delivery in live:
        delivery.exchange = f"in.{station.serial}"
        delivery.properties["application_headers"]["stream"] = "outbox"
        del delivery.properties["user_id"], delivery.properties["message_id"]
    assert Pipeline().take(live).stored == 2
    here = rows()
    store_card(station, card)
    survey = surveyed(station)
    assert kinds(survey)[1] == here
    done = sent(survey)
    assert kinds(done) == (LINES, here, LINES)
    assert rows() == LINES
    assert sums_hold(done)


def test_gaps_of_the_ledger_are_closed_and_said(card, station, ingest):
    _feed, messages = drained(card)
    taken = deliveries(messages)
    for delivery in taken:
        delivery.exchange = f"up.{station.serial}"
        del delivery.properties["user_id"]
    # Lose the second message of a file whose first one arrived.
    streams = [delivery.properties["application_headers"]["stream"] for delivery in taken]
    lost = next(n for n in range(1, len(taken)) if streams[n] == streams[n - 1])
    assert Pipeline().take([*taken[:lost], *taken[lost + 1 :]]).stored == len(messages) - 1
    store_card(station, card)
    survey = surveyed(station)
    assert (backfill_report(survey).totals.missing, backfill_report(survey).totals.closed) == (1, 0)
    done = sent(survey)
    assert (backfill_report(done).totals.missing, backfill_report(done).totals.closed) == (1, 1)
    assert rows() == LINES


def test_files_of_another_station_are_asked_about_and_stay_or_become_this_station_s(card, station, ingest):
    store_card(station, card)
    store(station, file_name(serial=OTHER, hour=3), hour_text(3))
    survey = surveyed(station)
    (question,) = backfill_questions(survey)
    assert (question.kind, f"{OTHER} (1)" in question.sentence) == ("others", True)
    with pytest.raises(Conflict, match="other stations"):
        backfill_answer(actor=SERVER, backfill=survey, answers=CardAnswers())
    assert not StreamLedger.objects.exists()
    survey.refresh_from_db()
    done = sent(survey, leaves_others=True)
    assert (done.state, rows()) == (State.DONE, LINES)
    assert sums_hold(done)
    assert StationFile.objects.get(station=station, name=file_name(serial=OTHER, hour=3)).state == "foreign"
    # Declared to be this station's, the files are first compared with its rows.
    again = sent(surveyed(station), also_of=[f"SG-{OTHER}"])
    assert (again.state, kinds(again)[0]["p"]) == (State.SURVEYED, LINES["p"] + 6)
    done = sent(again, also_of=[f"SG-{OTHER}"])
    assert (done.state, rows()["p"]) == (State.DONE, LINES["p"] + 6)
    assert sums_hold(done)


def test_a_wrong_clock_and_none_at_all_are_asked_about(card, station, ingest):
    store_card(station, card)
    store(station, file_name(hour=3, code="P"), hour_text(3))
    store(station, file_name(hour=4), b"p3,946684811.5266,2.637,-38.87,-53.61\n")
    survey = surveyed(station)
    (question,) = backfill_questions(survey)
    assert "9 lines were written while the clock was not set, and 1 have a time before 2010" in question.sentence
    assert "--" not in question.sentence, "the page does not use the words of the command line"
    with pytest.raises(Conflict, match="clock"):
        backfill_answer(actor=SERVER, backfill=survey, answers=CardAnswers())
    done = sent(survey, any_clock=True)
    assert rows()["p"] == LINES["p"] + 7
    assert sums_hold(done)


def test_lines_with_a_corrected_time_are_asked_about(station, ingest):
    store(station, file_name(), hour_text())
    store(station, file_name(hour=4), b"p3,946684811.5266,2.637,-38.87,-53.61\n")
    sent(surveyed(station), any_clock=True)
    StreamLedger.objects.update(stream=Concat(Value("outbox-"), "stream"))
    time_shift(actor=SERVER, station=station, side="behind", offset=timedelta(days=8_000))
    survey = surveyed(station)
    assert [question.kind for question in backfill_questions(survey)] == ["clock", "corrected"]
    with pytest.raises(Conflict, match="corrected time"):
        backfill_answer(actor=SERVER, backfill=survey, answers=CardAnswers(any_clock=True))


def test_times_that_are_corrected_between_survey_and_answer_are_surveyed_again(station, ingest):
    store(station, file_name(hour=4), b"p3,946684811.5266,2.637,-38.87,-53.61\n")
    sent(surveyed(station), any_clock=True)
    StreamLedger.objects.update(stream=Concat(Value("outbox-"), "stream"))
    survey = surveyed(station)
    time_shift(actor=SERVER, station=station, side="behind", offset=timedelta(days=8_000))
    again = sent(survey, any_clock=True)
    assert again.state == State.SURVEYED
    with pytest.raises(Conflict, match="corrected time"):
        backfill_answer(actor=SERVER, backfill=again, answers=CardAnswers(any_clock=True))
    assert rows()["p"] == 1


def test_a_selection_is_read_and_nothing_else(card, station, ingest):
    store_card(station, card)
    only = surveyed(station, search="-ctt")
    assert (only.stored_all, kinds(only)[0]) == (1, Counter(T=3))
    backfill_stop(actor=SERVER, backfill=only)
    moment = clock.now()
    late = store(station, file_name(hour=5), hour_text(5))
    assert surveyed(station, stored_since=moment).stored == 1
    backfill_stop(actor=SERVER, backfill=Backfill.objects.latest("id"))
    sent(surveyed(station, revision_ids=[late.pk]))
    rest = surveyed(station, is_unread=True)
    assert kinds(rest)[0] == LINES
    sent(rest)
    with pytest.raises(InvalidInput, match="no such stored files"):
        backfill_ask(actor=SERVER, station=station, is_unread=True)


def test_a_file_that_changed_between_survey_and_sending_is_left_with_a_word(station, ingest):
    store(station, file_name(), hour_text())
    sent(surveyed(station))
    store(station, file_name(hour=1), hour_text(1))
    survey = surveyed(station)
    store(station, file_name(), hour_text() + b"p3,1639614399.5266,2.637,-38.87,-53.61\n")
    done = sent(survey)
    assert backfill_report(done).totals.changed == 1
    assert rows()["p"] == 12
    assert [(one.letter, one.new, one.missing) for one in backfill_report(done).kinds if one.letter == "p"] == [
        ("p", 6, 0)
    ]
    assert sums_hold(done)
    (told,) = backfill_files(backfill=done)
    assert told.reason.startswith("It has changed since the survey")


def test_rotten_and_missing_bytes_are_refused_and_the_rest_is_read(card, station, ingest):
    store_card(station, card)
    rotten, missing = store(station, file_name(hour=5), hour_text(5)), store(station, file_name(hour=6), hour_text(6))
    content_path(rotten.content).write_bytes(b"x" * rotten.content.octets)
    content_path(missing.content).unlink()
    done = sent(surveyed(station))
    assert (done.state, rows()) == (State.DONE, LINES)
    told = {file.name: file.reason for file in backfill_files(backfill=done)}
    assert told == {
        file_name(hour=5): "Its bytes on the server are no longer what was uploaded: upload it again.",
        file_name(hour=6): "Its bytes are missing on the server: upload it again.",
    }
    assert sums_hold(done)


def test_bytes_that_rot_after_the_survey_are_told_and_close_no_gap(card, station, ingest):
    store_card(station, card)
    rotten = store(station, file_name(hour=5), hour_text(5))
    survey = surveyed(station)
    row = BackfillFile.objects.filter(backfill=survey, revision_id=rotten.pk)
    row.update(missing=1)
    content_path(rotten.content).write_bytes(b"x" * rotten.content.octets)
    done = sent(survey)
    assert (done.state, rows()) == (State.DONE, LINES)
    assert row.get().state == "refused"
    assert [file.reason for file in backfill_files(backfill=done)] == [row.get().reason]
    assert row.get().reason.startswith("Its bytes on the server are no longer what was uploaded")
    assert backfill_report(done).totals.closed == 0


def test_a_file_is_sent_though_one_of_another_station_has_the_same_content(station, ingest, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_FILES", 1)
    monkeypatch.setattr(turns, "TURN_S", -1.0)
    store(station, f"a/{file_name(serial=OTHER)}", hour_text())
    store(station, f"b/{file_name()}", hour_text())
    # The survey read the other station's file first and counted the lines there; the station's own file is the copy.
    done = sent(surveyed(station), leaves_others=True)
    assert done.state == State.DONE
    assert rows()["p"] == 6


def test_a_back_fill_cut_into_pieces_gives_the_same_result(station, ingest, monkeypatch):
    for hour in range(5):
        store(station, file_name(hour=hour), hour_text(hour))
        store(station, file_name(hour=hour, end=".txt.gz"), gzip.compress(hour_text(hour)))
    store(station, "notes.txt", b"mast 2 is loose")
    whole = surveyed(station)
    expected = backfill_report(whole)
    backfill_stop(actor=SERVER, backfill=whole)
    monkeypatch.setattr(pieces, "PIECE_FILES", 2)
    monkeypatch.setattr(turns, "TURN_S", -1.0)
    asked, steps = backfill_ask(actor=SERVER, station=station), []
    while backfills_work():
        asked.refresh_from_db()
        steps.append(asked.stored)
    assert steps == [2, 4, 6, 8, 10, 11, 11]
    cut = backfill_report(asked)
    assert (cut.kinds, cut.totals) == (expected.kinds, expected.totals)
    assert cut.totals.tally.lines_known == 45, "the compressed files are copies"
    done = sent(asked)
    assert rows()["p"] == 30
    assert sums_hold(done)


@pytest.mark.parametrize(("end", "cut"), [(".txt", [2, 2]), (".txt.gz", [1, 1, 1, 1])])
def test_a_piece_has_four_times_as_many_bytes_of_plain_files_as_of_packed_ones(station, monkeypatch, end, cut):
    revisions = [store(station, file_name(hour=hour, end=end), hour_text(hour)) for hour in range(4)]
    monkeypatch.setattr(pieces, "PIECE_BYTES", 2 * (revisions[0].content.octets // 4))
    assert [len(piece.done) for piece in pieces.pieces(revisions, BackfillPlace())] == cut


def test_a_broker_that_is_away_delays_it_and_is_said(card, station, ingest, settings):
    store_card(station, card)
    survey = surveyed(station)
    good, settings.ROOST_COMMAND_BROKER_URL = settings.ROOST_COMMAND_BROKER_URL, "amqp://nobody:x@127.0.0.1:1/x"
    turns_patience, turns.PATIENCE_S = turns.PATIENCE_S, 0.5
    try:
        waiting = sent(survey)
    finally:
        turns.PATIENCE_S = turns_patience
    assert (waiting.state, waiting.attempts) == (State.SENDING, 0)
    assert waiting.reason.startswith("Nothing moved")
    assert waiting.due_at > clock.now()
    settings.ROOST_COMMAND_BROKER_URL = good
    Backfill.objects.update(due_at=clock.now())
    assert worked(waiting).state == State.DONE
    assert rows() == LINES


def test_one_of_a_station_that_lost_its_serial_after_the_answer_fails_with_a_reason(card, station, ingest):
    survey = surveyed_of(station, card)
    backfill_answer(actor=SERVER, backfill=survey, answers=CardAnswers())
    Station.objects.filter(pk=station.pk).update(serial=f"{station.serial}~1")
    failed = worked(survey)
    assert (failed.state, failed.attempts) == (State.FAILED, 1)
    assert "can no longer receive data" in failed.reason


def test_one_that_never_ends_is_given_up_with_a_reason(card, station, queues):
    store_card(station, card)
    asked = backfill_ask(actor=SERVER, station=station)
    Backfill.objects.update(attempts=turns.ATTEMPTS_MOST)
    assert worked(asked).state == State.FAILED
    assert "without a result" in asked.reason


def test_one_that_is_stopped_in_a_turn_leaves_at_the_next_piece(card, station, queues, monkeypatch):
    store_card(station, card)
    asked = backfill_ask(actor=SERVER, station=station)
    survey = turns.piece_survey

    def stop_first(*arguments):
        backfill_stop(actor=SERVER, backfill=asked)
        return survey(*arguments)

    monkeypatch.setattr(turns, "piece_survey", stop_first)
    assert worked(asked).state == State.STOPPED
    assert not BackfillFile.objects.exists()
    with pytest.raises(Conflict, match="over already"):
        backfill_stop(actor=SERVER, backfill=asked)


def test_one_at_a_time_and_only_the_newest_are_kept(card, station, queues):
    store_card(station, card)
    backfill_ask(actor=SERVER, station=station)
    with pytest.raises(Conflict, match="already being read"):
        backfill_ask(actor=SERVER, station=station)
    for _ in range(KEPT + 3):
        backfill_stop(actor=SERVER, backfill=Backfill.objects.latest("id"))
        backfill_ask(actor=SERVER, station=station)
    assert Backfill.objects.count() == KEPT + 1


def test_nobody_reads_files_who_may_not_change_the_station(card, station, queues):
    nobody = Viewer(user=None, name="x", roles={}, sees_all=False)
    survey = surveyed_of(station, card)
    for attempt in (
        lambda: backfill_ask(actor=nobody, station=station),
        lambda: backfill_answer(actor=nobody, backfill=survey, answers=CardAnswers()),
        lambda: backfill_stop(actor=nobody, backfill=survey),
    ):
        with pytest.raises(Forbidden):
            attempt()


def surveyed_of(station, card):
    store_card(station, card)
    return surveyed(station)


@pytest.mark.skipif(not REAL_CARD.is_dir(), reason="the real card is not on this machine")
def test_the_real_card_is_there_once(tmp_path, station, ingest):
    shutil.copytree(REAL_CARD, tmp_path / "SGdata", copy_function=shutil.copyfile)
    store_card(station, tmp_path / "SGdata")
    done = sent(surveyed(station))
    counted = grep_counted(tmp_path / "SGdata")
    assert (done.state, rows()) == (State.DONE, counted)
    assert kinds(done) == (counted, Counter(), counted)
    assert sums_hold(done)
    again = sent(surveyed(station))
    assert sum(one.new for one in backfill_report(again).kinds) == 0
    assert rows() == counted
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ingest_quarantinedmessage")
        assert cursor.fetchone() == (0,)
    assert StoredContent.objects.exists()
