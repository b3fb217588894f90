"""Quarantine over the API: read and decided with the right keys, page by page, harmless whatever it contains."""

import gzip
import json
from datetime import timedelta

import pytest
from api_asking import problem_of
from people import station_of

from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage, QuarantineTally
from fleet.ingest.replay import quarantine_replays_run
from fleet.telemetry.models import Reading

pytestmark = pytest.mark.django_db

READINGS = {"content_type": "application/senml+json", "type": "readings", "application_headers": {"v": 1}}


def message_make(station, body=b"{", **fields) -> QuarantinedMessage:
    values = {
        "exchange": f"in.{station.serial}" if station else "in.nobody",
        "routing_key": "readings",
        "reason": "bad-json",
        "sentence": "The body is no JSON.",
        "properties": READINGS,
        "body": body,
        "body_bytes": len(body),
        "received_at": clock.now(),
    }
    return QuarantinedMessage.objects.create(station=station, **{**values, **fields})


def good_body() -> bytes:
    return json.dumps([{"n": "temperature", "v": 3.5, "t": clock.now().timestamp()}]).encode()


def test_messages_are_listed_newest_first_with_counts_by_reason(reader, station):
    moment = clock.now()
    made = [message_make(station, received_at=moment - timedelta(hours=n)) for n in range(3)]
    message_make(station, reason="too-deep", received_at=moment - timedelta(days=2))
    message_make(station, state="discarded")
    answer = reader.get("quarantine", reason="bad-json").json()
    assert [one["id"] for one in answer["results"]] == [one.pk for one in made]
    assert answer["reasons"] == [{"reason": "bad-json", "count": 3}, {"reason": "too-deep", "count": 1}]
    assert answer["next"] is None
    since = (moment - timedelta(minutes=90)).isoformat()
    assert len(reader.get("quarantine", **{"from": since}).json()["results"]) == 2
    assert len(reader.get("quarantine", to=since).json()["results"]) == 2
    assert len(reader.get("quarantine", station="other").json()["results"]) == 0


def test_pages_follow_each_other_even_at_one_moment(reader, station):
    moment = clock.now()
    made = {message_make(station, received_at=moment).pk for _ in range(7)}
    seen, address = [], "/api/v1/quarantine?limit=3"
    while address:
        answer = reader.client.get(address).json()
        seen += [one["id"] for one in answer["results"]]
        address = answer["next"]
    assert seen == sorted(made, reverse=True)
    problem_of(reader.get("quarantine", cursor="nonsense"), 400, "cursor")


@pytest.mark.parametrize(
    ("body", "shown", "is_hex"),
    [(b"\x00\xff", "000000  00 ff", True), (b"{", "{", False), (gzip.compress(b"A" * 9_000_000), "AAAA", False)],
)
def test_headers_and_content_are_shown_bounded(reader, station, body, shown, is_hex):
    message = message_make(station, body)
    answer = reader.get(f"quarantine/{message.pk}")
    told = answer.json()
    assert shown in told["view"]["content"]
    assert told["view"]["is_hex"] is is_hex
    assert told["properties"] == READINGS
    assert len(answer.content) < 50_000


def test_the_content_comes_as_a_file(reader, station):
    message = message_make(station, bytes(range(256)))
    answer = reader.get(f"quarantine/{message.pk}/body")
    assert answer.content == bytes(range(256))
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment;")


def test_one_is_tried_again_once(writer, station):
    message = message_make(station, good_body())
    assert writer.post(f"quarantine/{message.pk}/replay", {}).json() == {
        "stored": 1,
        "repeats": 0,
        "quarantined": 0,
        "stored_in_part": 0,
    }
    assert Reading.objects.get(series__station=station).value == 3.5
    problem_of(writer.post(f"quarantine/{message.pk}/replay", {}), 409)


def test_one_is_discarded_with_a_note(writer, station):
    message = message_make(station)
    told = writer.post(f"quarantine/{message.pk}/discard", {"note": "a test"}).json()
    assert (told["state"], told["note"], told["decided_by"]) == ("discarded", "a test", "key test")
    assert told["decided_at"]
    problem_of(writer.post(f"quarantine/{message.pk}/discard", {}), 409)
    problem_of(writer.post(f"quarantine/{message_make(station).pk}/discard", {"nota": ""}), 400, "nota")


def test_all_of_a_reason_are_tried_again_by_a_job(writer, reader, station):
    for _ in range(3):
        message_make(station, b"{")
    asked = writer.post("quarantine/replays", {"reason": "bad-json", "station": station.serial})
    assert asked.status_code == 202
    assert (asked.json()["total"], asked.json()["finished_at"]) == (3, None)
    assert quarantine_replays_run() == 3
    (told,) = reader.get("quarantine/replays").json()["results"]
    assert (told["done"], told["stored"], told["quarantined"]) == (3, 0, 3)
    assert told["finished_at"]
    problem_of(writer.post("quarantine/replays", {"reason": "no-such"}), 409)


def test_beyond_fifty_only_counted_reasons_the_others_are_counted(reader, station):
    moment = clock.now()
    for number in range(53):
        QuarantineTally.objects.create(
            station=station, reason=f"r{number}", cut=1, cut_bytes=10, first_cut_at=moment, last_cut_at=moment
        )
    answer = reader.get("quarantine").json()
    assert (len(answer["only_counted"]), answer["only_counted_more"]) == (50, 3)


def test_a_reading_key_decides_nothing(reader, station):
    message = message_make(station)
    for verb in ("replay", "discard"):
        problem_of(reader.post(f"quarantine/{message.pk}/{verb}", {}), 403)
    problem_of(reader.post("quarantine/replays", {"reason": "bad-json"}), 403)
    message.refresh_from_db()
    assert message.state == "held"


def test_of_another_organization_nothing_is_there(foreigner, writer, station, elsewhere):
    message = message_make(station)
    unknown = message_make(None)
    for one in (message, unknown):
        for address in (f"quarantine/{one.pk}", f"quarantine/{one.pk}/body"):
            problem_of(foreigner.get(address), 404)
        for verb in ("replay", "discard"):
            problem_of(foreigner.post(f"quarantine/{one.pk}/{verb}", {}), 404)
    nothing = {"reasons": [], "only_counted": [], "only_counted_more": 0, "results": [], "next": None}
    assert foreigner.get("quarantine").json() == nothing
    message_make(station_of(elsewhere))
    assert writer.post("quarantine/replays", {"reason": "bad-json"}).json()["total"] == 1
    assert foreigner.get("quarantine/replays").json() == {"results": [], "next": None}
    problem_of(writer.get(f"quarantine/{2**70}"), 404)
