"""A station that leaves gap after gap: its ledger row stays short, and nothing is lost or stored twice."""

import json
import time

import pytest

from fleet.core.errors import Conflict
from fleet.ingest import ledger
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.quarantine import quarantine_discard
from fleet.ingest.replay import gaps_release, quarantine_replay, quarantine_replay_ask, quarantine_replays_run
from fleet.ingest.stages.gaps import TOO_MANY_GAPS
from fleet.organizations.access import viewer_of_server
from fleet.stations.models import StationContact
from fleet.telemetry.models import Reading, StreamLedger

pytestmark = pytest.mark.django_db

NOW = time.time()
MOST = 5
ROOST = viewer_of_server("Roost")


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(ledger, "RANGES_MOST", MOST)


@pytest.fixture
def messages(station, delivery):
    def make(*seqs, stream="a", run="", since=1, value=1.0, **properties):
        made = []
        for seq in seqs:
            body = [{"n": "temp", "v": value, "t": NOW + seq + (0.5 if value != 1.0 else 0.0), "u": "Cel"}]
            message = delivery(station.serial, "readings", body, stream=stream, seq=seq, **properties)
            if run:
                message.properties["application_headers"] |= {"run": run, "since": since}
            made.append(message)
        return made

    return make


@pytest.fixture
def send(pipeline, messages):
    return lambda *seqs, **words: pipeline.take(messages(*seqs, **words))


def ranges(stream="a"):
    text = StreamLedger.objects.extra(select={"text": "received::text"}).get(stream=stream).text
    return text.count("[")


def held():
    return list(
        QuarantinedMessage.objects.filter(reason=TOO_MANY_GAPS, state="held")
        .order_by("id")
        .values_list("seq", flat=True)
    )


def test_every_second_number_makes_the_row_no_longer_than_it_may_be(send):
    first = send(1, 3, 5, 7)
    second = send(9, 11, 13)
    assert (first.stored, second.stored, second.quarantined) == (4, 1, 2)
    assert send(*range(15, 40, 2)).quarantined == 13
    assert ranges() == MOST
    assert held() == list(range(11, 40, 2))
    row = StreamLedger.objects.get()
    assert (row.messages, row.next_seq) == (5, 40)


def test_one_batch_alone_cannot_make_it_longer(send):
    assert send(*range(1, 40, 2)).stored == MOST
    assert ranges() == MOST


def test_repeats_of_what_is_in_the_row_and_of_what_waits_are_dropped(send):
    send(*range(1, 20, 2))
    again = send(*range(1, 20, 2), 19)
    assert (again.stored, again.repeats, again.quarantined) == (0, 11, 0)
    assert send(21, 21).quarantined == 1
    assert held() == [11, 13, 15, 17, 19, 21]
    assert Reading.objects.count() == MOST


def test_what_closes_a_gap_is_always_taken_and_then_what_waited(send):
    send(*range(1, 20, 2))
    assert gaps_release() == 0, "there is still no room"
    assert held() == [11, 13, 15, 17, 19]
    assert send(2, 4, 6).stored == 3
    assert ranges() == 2
    assert gaps_release() == 3
    assert held() == [17, 19]
    assert send(*range(8, 20, 2)).stored == 5, "each touches a range except 18, whose neighbours wait"
    assert gaps_release() == 3
    assert (ranges(), held(), Reading.objects.count()) == (1, [], 19)
    assert StreamLedger.objects.get().messages == 19
    assert send(*range(1, 20)).repeats == 19


def test_what_came_again_when_there_was_room_is_not_stored_a_second_time(send):
    send(*range(1, 12, 2))
    send(2)
    assert send(11).stored == 1, "sent again, it is accepted like any other"
    assert gaps_release() == 1
    assert (held(), Reading.objects.count(), StreamLedger.objects.get().messages) == ([], 7, 7)


def test_a_message_without_times_of_its_own_is_stored_once(pipeline, station, delivery):
    body = [{"n": "temp", "v": 1.0, "u": "Cel"}]
    batch = [delivery(station.serial, "readings", body, stream="a", seq=seq) for seq in range(1, 14, 2)]
    pipeline.take(batch)
    pipeline.take(batch)
    pipeline.take([delivery(station.serial, "readings", body, stream="a", seq=seq) for seq in (2, 4, 6)])
    assert (gaps_release(), gaps_release()) == (2, 0)
    pipeline.take(batch)
    assert Reading.objects.count() == 10


def test_an_operator_may_try_again_and_is_told_that_there_is_no_room(send):
    send(*range(1, 14, 2))
    waiting = QuarantinedMessage.objects.get(seq=11)
    with pytest.raises(Conflict, match="as many gaps"):
        quarantine_replay(viewer=ROOST, message=waiting)
    assert held() == [11, 13]
    send(2)
    assert quarantine_replay(viewer=ROOST, message=waiting).stored == 1
    assert held() == [13]
    assert send(11).repeats == 1


def test_all_of_the_reason_are_tried_as_far_as_there_is_room(send):
    send(*range(1, 20, 2))
    send(2, 4)
    replay = quarantine_replay_ask(viewer=ROOST, reason=TOO_MANY_GAPS)
    quarantine_replays_run()
    replay.refresh_from_db()
    assert (replay.done, replay.stored, replay.quarantined) == (5, 2, 3)
    assert held() == [15, 17, 19], "the same rows, not new ones"
    assert ranges() == MOST


def test_what_was_discarded_does_not_come_again(send):
    send(*range(1, 14, 2))
    quarantine_discard(viewer=ROOST, message=QuarantinedMessage.objects.get(seq=11))
    assert send(11).repeats == 1
    assert held() == [13]


def test_what_cannot_be_read_waits_too_and_gets_its_reason_later(pipeline, station, delivery, send):
    send(*range(1, 10, 2))
    broken = delivery(station.serial, "readings", b"{", stream="a", seq=21)
    assert pipeline.take([broken]).quarantined == 1
    assert pipeline.take([broken]).repeats == 1
    assert held() == [21]
    send(2)
    gaps_release()
    assert held() == []
    assert QuarantinedMessage.objects.get(state="held").seq == 21
    assert QuarantinedMessage.objects.get(state="held").reason == "bad-fields"
    assert pipeline.take([broken]).repeats == 1


def test_two_lives_of_one_number_are_both_kept(send):
    send(*range(1, 10, 2), run="aa")
    send(21, run="aa")
    send(21, run="bb", value=2.0)
    assert held() == [21, 21] or StreamLedger.objects.filter(stream="a~bb").exists()
    assert QuarantinedMessage.objects.filter(seq=21, state="held").count() == 2


def test_a_branch_is_bounded_as_well_and_stays_a_branch(send):
    send(*range(1, 40), run="aa")
    assert send(*range(1, 14, 2), run="bb", value=2.0).quarantined == 7
    assert ranges("a~bb") == MOST
    assert held() == [11, 13]
    send(2, run="bb", value=2.0)
    gaps_release()
    assert held() == [13]
    assert QuarantinedMessage.objects.get(seq=11).reason == "forked-stream"
    assert Reading.objects.count() == 39, "no message of a held branch is stored"


def test_it_weighs_on_the_quota_so_that_a_flood_of_gaps_is_a_flood(settings, send):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 1.0, 10.0
    send(*range(1, 1_000, 2))
    assert StationContact.objects.get().flooding_since is not None
    assert len(held()) == 495


def test_other_streams_and_stations_do_not_wait(send, pipeline, make_station, delivery):
    send(*range(1, 20, 2))
    assert send(*range(1, 10, 2), stream="b").stored == 5
    body = [{"n": "temp", "v": 1.0, "t": NOW, "u": "Cel"}]
    assert pipeline.take([delivery(make_station().serial, "readings", body, stream="a", seq=77)]).stored == 1


def test_the_sentence_says_what_becomes_of_it(send):
    send(*range(1, 14, 2))
    waiting = QuarantinedMessage.objects.get(seq=11)
    assert "accepted automatically once gaps have closed" in waiting.sentence
    assert json.loads(bytes(waiting.body))[0]["v"] == 1.0
