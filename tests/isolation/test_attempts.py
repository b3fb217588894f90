"""Attacks by one station on another and on the server, with its real login: none reads or forges anything."""

from pathlib import Path

import httpx
import pytest
from isolation.attacker import Attacker
from isolation.attempts import ATTEMPTS
from isolation.isolation_page import page, table

from operations.paths import REPOSITORY

pytestmark = pytest.mark.faults

PAGE = REPOSITORY / "docs" / "reference" / "isolation.md"


@pytest.fixture(scope="module")
def attacker(rig):
    rig.worker_ensure()
    own, victim = rig.stations("SG-15A1RPI40001", "SG-15A2RPI40002")
    return Attacker(own, victim)


@pytest.fixture(scope="module", autouse=True)
def waiting_command(rig, attacker):
    """One message in `cmd.B`, which must still be there at the end."""
    with rig.instance.rabbitmq.management() as client:
        answer = client.post(
            "/api/exchanges/fleet/commands/publish",
            json={
                "routing_key": attacker.victim["serial"],
                "payload": "{}",
                "payload_encoding": "string",
                "properties": {"delivery_mode": 2},
            },
        )
    assert answer.json() == {"routed": True}


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: f"{attempt.number}")
def test_an_attempt_has_the_outcome_that_the_page_says(rig, attacker, attempt):
    if attempt.unread:
        rig.worker_stop()
    assert attempt.run(attacker) == attempt.outcome, attempt.what
    rig.worker_ensure()


def test_none_of_the_attempts_counts_as_station_b(rig, attacker):
    rig.quiesce()
    victim = attacker.victim["serial"]
    assert counts(rig, victim) == {"streams": 0, "series": 0, "quarantined": 0, "unsequenced": 0, "contacts": 0}
    waiting = attacker_free_count(rig, f"cmd.{victim}")
    assert waiting == 1


def test_copies_through_cc_and_bcc_are_one_message_and_its_repeats(rig, attacker):
    rig.quiesce()
    ((received, messages, repeats),) = rig.query(
        "SELECT l.received, l.messages, l.repeats FROM telemetry_streamledger l "
        "JOIN stations_station s ON s.id = l.station_id WHERE s.serial = %s",
        attacker.grant["serial"],
    )
    numbers = {seq for part in received for seq in range(part.lower, part.upper)}
    # 6 and 7 came with copies, 9 alone, 30 is in quarantine; the copies also reach a second queue, `inbound.urgent`.
    assert numbers == {6, 7, 9, 30}
    assert (messages, repeats) == (4, 2)
    rows = rig.query(
        "SELECT count(*) FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id "
        "JOIN stations_station t ON t.id = s.station_id WHERE t.serial = %s",
        attacker.grant["serial"],
    )
    assert rows == [(1,)]


def test_what_could_not_be_taken_is_in_quarantine_under_its_sender_or_nobody(rig, attacker):
    rig.quiesce()
    found = rig.query(
        "SELECT q.reason, s.serial, q.properties FROM ingest_quarantinedmessage q LEFT JOIN stations_station s ON s.id = q.station_id "
        "WHERE s.serial = %s OR q.station_id IS NULL ORDER BY 1",
        attacker.grant["serial"],
    )
    own = attacker.grant["serial"]
    assert [row[:2] for row in found] == [("dead-lettered", None), ("unknown-kind", own), ("wrong-sender", own)]
    # 3.10 lets the forged header through: without the second check of `user_id` this would count as B's. 4.x writes its
    # own.
    writes_its_own = int(rig.versions()["RabbitMQ"].partition(".")[0]) >= 4
    told = attacker.grant["exchange"] if writes_its_own else attacker.victim["exchange"]
    assert found[0][2]["application_headers"]["x-death"][0]["exchange"] == told


def test_a_station_cannot_log_in_to_the_management_api(rig, attacker):
    login = (attacker.grant["username"], attacker.grant["password"])
    answer = httpx.get(f"{rig.instance.rabbitmq.management_url}/api/whoami", auth=login, trust_env=False)
    assert answer.status_code == 401


def test_the_page_says_what_the_tests_say():
    assert table() in PAGE.read_text(), "Regenerate it: python tests/isolation/isolation_page.py"
    assert Path(PAGE).read_text() == page()


def counts(rig, serial):
    """Numbers of rows that the database has for a station."""
    questions = {
        "streams": "telemetry_streamledger x",
        "series": "telemetry_series x",
        "quarantined": "ingest_quarantinedmessage x",
        "unsequenced": "telemetry_unsequencedcount x",
        "contacts": "(SELECT * FROM stations_stationcontact WHERE last_contact_at IS NOT NULL) x",
    }
    return {
        name: rig.query(
            f"SELECT count(*) FROM {table} JOIN stations_station s ON s.id = x.station_id WHERE s.serial = %s", serial
        )[0][0]
        for name, table in questions.items()
    }


def attacker_free_count(rig, queue):
    """Number of messages in a queue, read with the server's own login."""
    with rig.instance.rabbitmq.management() as client:
        answer = client.post(
            f"/api/queues/fleet/{queue}/get",
            json={"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"},
        )
    return len(answer.json())
