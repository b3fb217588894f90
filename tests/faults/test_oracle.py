"""The judge of the cases must notice errors: a clean case is damaged in one way after another."""

import pytest
from faults.messages import place_of
from faults.oracle import Verdict, judge
from waiting import PATIENCE_S

pytestmark = pytest.mark.faults

SPOILT = {
    "a row is gone": (
        (
            "DELETE FROM telemetry_reading r USING telemetry_series s "
            "WHERE s.id = r.series_id AND s.name = '{stream}:abs' AND r.value = 7"
        ),
        "lost",
    ),
    "a row is there twice": (
        (
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags)"
            " SELECT r.series_id, r.occurred_at + interval '1 hour', r.received_at, r.value, r.flags "
            "FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id "
            "WHERE s.name = '{stream}:rel' AND r.value = 8"
        ),
        "doubled",
    ),
    "a pulse is counted twice": (
        (
            "UPDATE telemetry_detectioncount c SET count = count + 1 WHERE c.ctid = (SELECT c.ctid FROM "
            "telemetry_detectioncount c JOIN stations_station t ON t.id = c.station_id WHERE t.serial = '{serial}' "
            "AND c.port = {port} LIMIT 1)"
        ),
        "doubled",
    ),
    "a row nobody sent": (
        (
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags)"
            " SELECT s.id, now() + interval '1 day', now(), 999999, 0 "
            "FROM telemetry_series s WHERE s.name = '{stream}:abs'"
        ),
        "unexpected",
    ),
    "a number without its rows": (
        (
            "UPDATE telemetry_streamledger SET received = received - '{{[9,10)}}'::int8multirange, messages = messages - 1 "
            "WHERE stream = '{stream}'"
        ),
        "unaccounted",
    ),
}


def test_the_judge_sees_every_kind_of_wrong(rig, case):
    clean = case("a case to spoil", messages=300)
    clean.publishing.join(PATIENCE_S)
    rig.quiesce()
    assert judge(rig, clean.publishing, Verdict("clean", rig.seed)).is_clean
    seen = {}
    for number, (name, (statement, word)) in enumerate(SPOILT.items()):
        sender = clean.publishing.senders[number % len(clean.publishing.senders)]
        before = judge(rig, clean.publishing, Verdict("before", rig.seed)).row()[word]
        rig.execute(statement.format(stream=sender.stream, serial=sender.serial, port=place_of(sender.stream)[0]))
        after = judge(rig, clean.publishing, Verdict("after", rig.seed)).row()[word]
        seen[name] = after > before
    assert seen == dict.fromkeys(SPOILT, True)
