"""Held branches: two machines are reported and wait for a person, an outbox that went back in time is accepted
automatically.
"""

import time
from datetime import timedelta

import pytest

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.core.errors import Conflict
from fleet.ingest.corrections.branches import branch_settle, branches_judge, branches_work_off
from fleet.ingest.models import QuarantinedMessage
from fleet.organizations.access import viewer_of_server
from fleet.telemetry.completeness import CompletenessReport
from fleet.telemetry.ledger import ledger_summary
from fleet.telemetry.models import Reading, StreamLedger

pytestmark = pytest.mark.django_db

NOW = time.time()


@pytest.fixture
def send(pipeline, station, delivery):
    def sent(run, since, *seqs, value=1.0):
        messages = []
        for seq in seqs:
            body = [{"n": "temp", "v": value, "t": NOW + seq + value / 10, "u": "Cel"}]
            message = delivery(station.serial, "readings", body, stream="a", seq=seq)
            message.properties["application_headers"] |= {"run": run, "since": since}
            messages.append(message)
        return pipeline.take(messages)

    return sent


@pytest.fixture
def forked(send):
    send("aa", 1, *range(1, 11))
    send("bb", 6, 6, 7, 11, value=2.0)


def branch():
    return StreamLedger.objects.get(stream="a~bb")


def later(minutes):
    return clock.now() + timedelta(minutes=minutes)


def began(minutes):
    """Move the discovery of the branch this many minutes into the past."""
    StreamLedger.objects.filter(stream="a~bb").update(first_at=clock.now() - timedelta(minutes=minutes))


def test_an_outbox_gone_back_in_time_is_taken_by_itself(forked):
    began(5)
    StreamLedger.objects.filter(stream="a").update(newest_run_at=clock.now() - timedelta(minutes=6))
    branches_judge(moment=clock.now())
    assert branch().branch == "held"
    branches_judge(moment=later(130))
    assert (branch().branch, StreamLedger.objects.get(stream="a").is_contested) == ("believed", False)
    assert branches_work_off() == 3
    assert Reading.objects.filter(value=2.0).count() == 3
    assert Reading.objects.count() == 13
    assert not QuarantinedMessage.objects.filter(state="held").exists()


def test_a_believed_branch_goes_on_without_quarantine(forked, send):
    branch_settle(viewer=None, ledger=branch(), decision="believed")
    assert send("bb", 6, 8, 12, value=2.0).stored == 2
    assert send("bb", 6, 8, value=2.0).repeats == 1


def test_two_machines_wait_for_a_person_and_are_told_of_once(forked, send, station):
    began(2)
    send("aa", 1, 11)
    branches_judge(moment=clock.now())
    assert branch().branch == "cloned"
    branches_judge(moment=later(600))
    assert branch().branch == "cloned", "only a person may decide this"
    rules_sweep()
    rules_sweep()
    incident = Incident.objects.get(rule="cloned_card")
    assert (incident.station, incident.closed_at) == (station, None)
    assert "Two machines" in incident.sentence
    branch_settle(viewer=None, ledger=branch(), decision="discarded")
    rules_sweep()
    incident.refresh_from_db()
    assert "discarded" in incident.closing_sentence
    branches_work_off()
    assert set(QuarantinedMessage.objects.values_list("state", flat=True)) == {"discarded"}
    assert not Reading.objects.filter(value=2.0).exists()


def test_an_undecided_branch_is_told_of_within_minutes(forked):
    began(4)
    rules_sweep()
    assert "reusing message numbers" in Incident.objects.get(rule="cloned_card").sentence


def test_a_branch_is_decided_once(forked):
    branch_settle(viewer=None, ledger=branch(), decision="believed")
    with pytest.raises(Conflict):
        branch_settle(viewer=None, ledger=branch(), decision="discarded")


def test_what_a_believed_branch_brought_is_no_hole_of_its_trunk(forked, send, station):
    branch_settle(viewer=None, ledger=branch(), decision="believed")
    send("bb", 6, 12, 13, value=2.0)
    send("cc", 14, 14)
    summary = ledger_summary(station=station)
    assert (summary.on_station, summary.lost) == (0, 0)
    (row,) = CompletenessReport(viewer=viewer_of_server("test")).every()
    assert (row.on_station, row.lost, row.percent) == (0, 0, 100.0)
