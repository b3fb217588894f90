"""Runs of an agent on one stream: restarts continue it; a clone or an outbox that went back in time is held apart."""

import time

import pytest

from fleet.ingest.models import QuarantinedMessage
from fleet.telemetry.models import Reading, StreamLedger

pytestmark = pytest.mark.django_db

NOW = time.time()
STREAM = "a"


@pytest.fixture
def send(pipeline, station, delivery):
    """Process messages with these numbers, written in one run; their values tell who wrote them."""

    def sent(run, since, *seqs, value=1.0):
        at = NOW + (0.5 if value != 1.0 else 0.0)
        messages = []
        for seq in seqs:
            body = [{"n": "temp", "v": value, "t": at + seq, "u": "Cel"}]
            message = delivery(station.serial, "readings", body, stream=STREAM, seq=seq)
            if run:
                message.properties["application_headers"] |= {"run": run, "since": since}
            messages.append(message)
        return pipeline.take(messages)

    return sent


def trunk():
    return StreamLedger.objects.get(stream=STREAM)


def branch_of(run):
    return StreamLedger.objects.get(stream=f"{STREAM}~{run}")


def test_a_restart_goes_on_in_the_same_stream(send):
    assert send("aa", 1, 1, 2, 3).stored == 3
    assert send("bb", 4, 5, 4).stored == 2
    assert send("cc", 6, 6).stored == 1
    row = trunk()
    assert (row.runs, row.run_sinces, row.messages) == (["aa", "bb", "cc"], [1, 4, 6], 6)
    assert StreamLedger.objects.count() == 1


def test_what_an_earlier_life_wrote_may_come_late_and_twice(send):
    send("aa", 1, 1, 2)
    send("cc", 6, 6)
    assert send("aa", 1, 3).stored == 1
    assert send("bb", 4, 4, 5).stored == 2, "a run that is not known yet fits in between"
    assert send("aa", 1, 3).repeats == 1
    assert (trunk().runs, trunk().messages) == (["aa", "bb", "cc"], 6)


def test_an_agent_that_learned_of_runs_goes_on(send):
    send("", 0, 1, 2, 3)
    assert send("aa", 4, 4).stored == 1
    assert StreamLedger.objects.count() == 1


def test_a_clone_is_held_apart_and_nothing_is_merged(send, station):
    send("aa", 1, *range(1, 11))
    outcome = send("bb", 6, 6, 7, 11, value=2.0)
    assert (outcome.stored, outcome.repeats, outcome.quarantined) == (0, 0, 3)
    assert set(QuarantinedMessage.objects.values_list("reason", "seq")) == {("forked-stream", n) for n in (6, 7, 11)}
    assert not Reading.objects.filter(value=2.0).exists()
    assert (branch_of("bb").branch, branch_of("bb").messages, trunk().is_contested) == ("held", 3, True)
    assert send("bb", 6, 6, value=2.0).repeats == 1, "a repeat of what is held is a repeat"
    assert send("aa", 1, 11, 12).stored == 2, "the first machine goes on undisturbed"
    assert trunk().messages == 12


def test_what_both_machines_had_waiting_is_the_same_message(send):
    send("aa", 1, 1, 2, 3)
    send("bb", 6, 6)
    assert send("aa", 1, 4, 5).stored == 2
    assert send("aa", 1, 4, 5).repeats == 2


def test_a_clone_that_runs_ahead_is_found_when_the_other_reaches_it(send):
    send("aa", 1, 1, 2, 3)
    assert send("bb", 4, 4, 5, 6, value=2.0).stored == 3, "it looks like a restart until the first speaks again"
    assert send("aa", 1, 4, 5).quarantined == 2
    assert branch_of("aa").branch == "held"


def test_while_a_branch_is_undecided_no_new_life_is_believed(send):
    send("aa", 1, *range(1, 11))
    send("bb", 6, 6)
    assert send("cc", 50, 50).quarantined == 1
    assert branch_of("cc").branch == "held"


def test_a_message_without_a_readable_body_is_held_with_its_branch(pipeline, send, station, delivery):
    send("aa", 1, *range(1, 11))
    message = delivery(station.serial, "readings", [], stream=STREAM, seq=6)
    message.body = b"{"
    message.properties["application_headers"] |= {"run": "bb", "since": 6}
    assert pipeline.take([message]).quarantined == 1
    assert branch_of("bb").messages == 1
