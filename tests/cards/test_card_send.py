"""A card that the server reads goes through the broker and ingest like other data, and no row is doubled."""

import json
import shutil
from collections import Counter
from datetime import timedelta

import pika
import pytest
from agent.test_replay import drained, grep_counted
from agent.test_to_database import deliveries
from cards.conftest import LINES, OTHER, OWN, REAL_CARD, file_name, hour_text
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Concat
from waiting import PATIENCE_S, until

from fleet.core.errors import Conflict, Forbidden, Unavailable
from fleet.core.models import AuditEntry
from fleet.files.models import StationFile
from fleet.ingest.cards import sending
from fleet.ingest.cards.box import CardBox
from fleet.ingest.cards.services import CardAnswers, card_send
from fleet.ingest.corrections.time_shifts import time_shift, time_shift_undo
from fleet.ingest.limits.quota import OVER_QUOTA
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Pipeline
from fleet.ingest.replay import quota_release
from fleet.organizations.access import Viewer, viewer_of_server
from fleet.stations.models import StationContact
from fleet.telemetry.models import Detection, Position, StationEvent, StreamLedger
from message_queue import topology
from workers.consumers.inbound import InboundConsumer

pytestmark = pytest.mark.django_db(transaction=True)
SERVER = viewer_of_server("test")


@pytest.fixture
def queues(stack):
    """The inbound queues, empty."""

    def purge() -> None:
        with stack.rabbitmq.management() as client:
            for queue in topology.INBOUND_QUEUES:
                client.delete(f"/api/queues/{django_settings.ROOST_FLEET_VHOST}/{queue}/contents").raise_for_status()

    purge()
    yield
    purge()


@pytest.fixture
def ingest(queues):
    consumer = InboundConsumer(django_settings.ROOST_FLEET_BROKER_URL)
    consumer.start()
    yield consumer
    consumer.stop()
    consumer.join(PATIENCE_S)


def send(path, station, **answers):
    with CardBox(path) as box:
        return card_send(actor=SERVER, station=station, box=box, answers=CardAnswers(**answers))


def rows():
    """Rows by the letter of their line."""
    names = {"clock": "C", "setting": "S", "filter": "F"}
    found = Counter(
        p=Detection.objects.filter(kind=Detection.Kind.PULSE).count(),
        T=Detection.objects.filter(kind=Detection.Kind.TAG).count(),
        G=Position.objects.count(),
    )
    found.update(names.get(name, name) for name in StationEvent.objects.values_list("name", flat=True))
    return +found


def test_it_is_sent_once_however_often_and_the_report_is_what_the_database_has(card, station, ingest):
    sent = send(card, station)
    assert (sum(sent.before.stations[0].new.values()), sent.known, sent.held) == (21, 0, Counter())
    (on,) = sent.after.stations
    assert on.new == Counter()
    assert on.known == rows() == LINES
    assert StationFile.objects.filter(station=station, state="done", is_by_desk=True).count() == 3
    assert not StationContact.objects.exclude(last_contact_at=None).exists(), "a card does not count as contact"
    assert AuditEntry.objects.get(action="card.send").detail["files"] == 3
    again = send(card, station)
    assert (again.sent, again.known) == (0, sent.sent)
    assert rows() == LINES


def test_lines_whose_rows_were_removed_since_are_counted_and_not_called_sent(card, station, ingest, capsys):
    assert send(card, station).missing == 0
    pulses = Detection.objects.filter(kind=Detection.Kind.PULSE).order_by("occurred_at").values_list("line", flat=True)
    gone = Detection.objects.filter(kind=Detection.Kind.PULSE, line__in=list(pulses[:2])).delete()[0]
    again = send(card, station)
    assert (again.sent, again.missing) == (0, gone)
    call_command("card", "send", str(card), "--station", station.serial)
    said = capsys.readouterr().out
    assert "0 lines are new in the database" in said
    assert f"{gone} lines are not in the database although their messages have arrived" in said


def test_what_came_live_or_from_a_desk_is_merged_and_only_the_rest_is_new(card, station, ingest):
    _feed, messages = drained(card)
    live = deliveries(messages[:2])
    for delivery in live:
        delivery.exchange = f"in.{station.serial}"
        # The station's own outbox is another stream with its own numbers.
        delivery.properties["application_headers"]["stream"] = "outbox"
        del delivery.properties["user_id"], delivery.properties["message_id"]
    assert Pipeline().take(live).stored == 2
    here = rows()
    assert here
    sent = send(card, station)
    assert sum(sent.before.stations[0].known.values()) == here.total()
    assert rows() == LINES
    assert sent.held == Counter()


def refusal(path, station, **answers):
    with pytest.raises(Conflict) as caught:
        send(path, station, **answers)
    assert not StreamLedger.objects.exists()
    assert not AuditEntry.objects.exists()
    return str(caught.value)


def test_a_card_of_another_station_or_of_two_is_asked_about_before_anything_is_written(card, station, ingest):
    (card / file_name(serial=OTHER, hour=3)).write_bytes(hour_text(3))
    said = refusal(card, station)
    assert f"The card has files of other stations: {OTHER} (1)." in said
    assert said.endswith("Nothing was sent.")
    assert send(card, station, leaves_others=True).held == Counter()
    assert rows() == LINES
    assert StationFile.objects.get(station=station, name=file_name(serial=OTHER, hour=3)).state == "foreign"
    send(card, station, also_of=[f"SG-{OTHER}"])
    assert rows()["p"] == LINES["p"] + 6


def test_a_card_without_one_file_of_the_station_is_refused_even_if_others_are_left(tmp_path, station, queues):
    (tmp_path / "SGdata").mkdir()
    (tmp_path / "SGdata" / file_name(serial=OTHER)).write_bytes(hour_text())
    said = refusal(tmp_path / "SGdata", station, leaves_others=True)
    assert f"No file on this card is named for SG-{OWN}." in said


def test_a_wrong_clock_is_asked_about_before_anything_is_written(card, station, ingest):
    (card / file_name(hour=3, code="P")).write_bytes(hour_text(3))
    (card / file_name(hour=4)).write_bytes(b"p3,946684811.5266,2.637,-38.87,-53.61\n")
    said = refusal(card, station)
    assert "9 lines were written while the clock was not set, and 1 have a time before 2010" in said
    send(card, station, any_clock=True)
    assert Detection.objects.exclude(flags=0).count() == 7, "all marked"


def test_lines_that_are_here_with_a_corrected_time_do_not_come_again_with_the_wrong_one(card, station, ingest):
    (card / file_name(hour=4)).write_bytes(b"p3,946684811.5266,2.637,-38.87,-53.61\n")
    send(card, station, any_clock=True)
    # As if it had come from the station's own outbox.
    StreamLedger.objects.update(stream=Concat(Value("outbox-"), "stream"))
    shift = time_shift(actor=SERVER, station=station, side="behind", offset=timedelta(days=8_000))
    assert shift.rows == 1
    with pytest.raises(Conflict, match="1 lines are here already with a corrected time"):
        send(card, station, any_clock=True)
    assert rows() == LINES + Counter(p=1)
    time_shift_undo(actor=SERVER, shift=shift)
    send(card, station, any_clock=True)
    assert rows() == LINES + Counter(p=1)
    time_shift(actor=SERVER, station=station, side="behind", offset=timedelta(days=8_000))
    sent = send(card, station, any_clock=True)
    assert (sent.sent, sent.after.stations[0].new) == (0, Counter()), "messages of this card are known by number"


def test_nobody_sends_a_card_who_may_not_change_the_station(card, station, queues):
    with CardBox(card) as box, pytest.raises(Forbidden):
        card_send(
            actor=Viewer(user=None, name="x", roles={}, sees_all=False), station=station, box=box, answers=CardAnswers()
        )


def test_it_waits_for_the_station_s_quota_and_loses_nothing(card, station, ingest, settings, monkeypatch):
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 0.001, 0.2
    monkeypatch.setattr(sending, "WINDOW", 2)
    most, release = [], sending.time.sleep

    def sleep_and_release(seconds):
        # Release the messages, as the periodic job does every few seconds, once the quota has grown.
        most.append(QuarantinedMessage.objects.filter(state="held", reason=OVER_QUOTA).count())
        if most[-1] == 2:
            settings.ROOST_QUOTA_BURST += 0.2
            settings.ROOST_QUOTA_MESSAGES_PER_S = 100.0
            quota_release()
        release(seconds)

    monkeypatch.setattr(sending.time, "sleep", sleep_and_release)
    sent = send(card, station)
    assert max(most) == 2, "it ran into the quota, and sent at most one window beyond it"
    assert (sent.after.stations[0].new, sent.held) == (Counter(), Counter())
    assert rows() == LINES


def test_a_connection_that_breaks_in_between_costs_nothing(card, station, ingest, stack, monkeypatch):
    monkeypatch.setattr(sending, "WINDOW", 1)
    broken, opened, connect = [], [], pika.BlockingConnection
    monkeypatch.setattr(pika, "BlockingConnection", lambda parameters: opened.append(1) or connect(parameters))

    def cut(_settled):
        if len(broken) < 3:
            with stack.rabbitmq.management() as client:
                client.delete("/api/connections/username/commander").raise_for_status()
            broken.append(1)

    with CardBox(card) as box:
        sent = card_send(actor=SERVER, station=station, box=box, answers=CardAnswers(), tell=cut)
    assert len(broken) == 3
    assert len(opened) > 3, "every cut broke a connection"
    assert (sent.after.stations[0].new, sent.held) == (Counter(), Counter())
    assert rows() == LINES


def test_without_ingest_it_gives_up_with_a_sentence_and_the_next_run_completes_it(card, station, queues, monkeypatch):
    monkeypatch.setattr(sending, "PATIENCE_S", 0.5)
    with pytest.raises(Unavailable, match=r"Nothing moved for 0 s\..*Run it again: nothing is stored twice"):
        send(card, station)
    monkeypatch.undo()
    assert rows() == Counter()
    consumer = InboundConsumer(django_settings.ROOST_FLEET_BROKER_URL)
    consumer.start()
    try:
        send(card, station)
        until(lambda: rows() == LINES)
    finally:
        consumer.stop()
        consumer.join(PATIENCE_S)


def test_the_command_tells_what_became_of_it(card, station, ingest, capsys):
    (card / file_name(hour=3)).write_bytes(hour_text(3) + b"nonsense\n")
    with pytest.raises(SystemExit) as ended:
        call_command("card", "send", str(card), "--station", station.serial, "--json")
    assert ended.value.code == 1, "a line was refused"
    told = json.loads(capsys.readouterr().out)
    assert told["refused"] == [{"name": file_name(hour=3), "reason": "", "refusals": {"unparsed": 1}}]
    assert told["messages"]["held"] == {}
    assert sum(told["stations"][0]["new"].values()) == 0
    call_command("card", "survey", str(card))
    assert "unreadable lines" in capsys.readouterr().out


@pytest.mark.skipif(not REAL_CARD.is_dir(), reason="the real card is not on this machine")
def test_the_real_card_is_there_once(tmp_path, station, ingest):
    shutil.copytree(REAL_CARD, tmp_path / "SGdata", copy_function=shutil.copyfile)
    sent = send(tmp_path / "SGdata", station)
    assert sent.after.stations[0].new == Counter()
    assert rows() == grep_counted(tmp_path / "SGdata")
    again = send(tmp_path / "SGdata", station)
    assert (again.sent, again.known) == (0, sent.sent)
    assert rows() == grep_counted(tmp_path / "SGdata")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ingest_quarantinedmessage")
        assert cursor.fetchone() == (0,)
