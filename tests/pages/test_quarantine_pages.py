"""Quarantine on the site: shown to the right people, harmless whatever the content, each replayed or discarded once."""

import gzip
import json
from datetime import timedelta

import pytest
from pages.busy_stations import EVIL, message_make
from people import station_of

from fleet.core import clock
from fleet.core.models import OutboxMessage
from fleet.ingest.replay import BATCH, quarantine_replays_run
from fleet.telemetry.models import Reading

pytestmark = pytest.mark.django_db

READINGS = {"content_type": "application/senml+json", "type": "readings", "application_headers": {"v": 1}}


def sequenced_body(value: float) -> bytes:
    moment = clock.now().timestamp() - value
    return json.dumps([{"n": "temperature", "v": value, "t": moment}]).encode()


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


def test_messages_are_listed_with_their_reason_for_their_own_people_only(browse, viewer, stranger, station):
    message_make(station)
    message_make(None)
    page = browse(viewer).get("/quarantine/").content.decode()
    assert "The body is no JSON" in page
    assert "One message" in page
    assert EVIL not in page
    assert "Nothing is held" in browse(stranger).get("/quarantine/").content.decode()


def test_who_looks_after_the_server_sees_those_of_unknown_senders(client, administrator):
    message = message_make(None)
    client.force_login(administrator)
    assert "in.nobody" in client.get("/quarantine/").content.decode()
    assert client.get(f"/quarantine/{message.pk}/").status_code == 200


def test_filters_are_in_the_address(browse, viewer, station):
    message_make(station)
    client = browse(viewer)
    assert "bad-json" in client.get(f"/quarantine/?station={station.serial}&reason=bad-json").content.decode()
    for query in ("station=other", "reason=other", "state=discarded"):
        assert "No messages." in client.get(f"/quarantine/?{query}").content.decode()
    assert client.get("/quarantine/?reason=%00&station=%00&state=%00&page=x").status_code == 200


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (EVIL.encode(), "&lt;script&gt;alert(1)&lt;/script&gt;"),
        (b"", "It is empty"),
        (bytes(range(256)), "000010  10 11 12"),
        (b"a\x00b", "000000  61 00 62"),
        ("Grüße €".encode() * 3000, "Only the beginning is shown"),
        (gzip.compress(b'{"kind": "readings"}'), "&quot;kind&quot;: &quot;readings&quot;"),
        (gzip.compress(b"A" * 50_000_000), "Only the beginning is shown"),
        (b"\x1f\x8b broken", "shown in hexadecimal"),
    ],
    ids=["markup", "empty", "bytes", "nul", "long", "gzip", "bomb", "no-gzip"],
)
def test_any_content_is_shown_and_never_run(browse, viewer, station, body, shown):
    message = message_make(station, body)
    answer = browse(viewer).get(f"/quarantine/{message.pk}/")
    page = answer.content.decode()
    assert shown in page
    assert EVIL not in page
    assert len(page) < 150_000


def test_foreign_messages_are_not_there(browse, stranger, station):
    message = message_make(station)
    client = browse(stranger)
    assert client.get(f"/quarantine/{message.pk}/").status_code == 404
    assert client.post(f"/quarantine/{message.pk}/discard/").status_code == 404
    assert client.post(f"/quarantine/{message.pk}/replay/").status_code == 404


def test_deciding_takes_the_role(browse, viewer, station):
    message = message_make(station)
    client = browse(viewer)
    assert "Discard this message" not in client.get(f"/quarantine/{message.pk}/").content.decode()
    for verb in ("discard", "replay"):
        assert client.post(f"/quarantine/{message.pk}/{verb}/").status_code == 403
    message.refresh_from_db()
    assert message.state == "held"


def test_a_message_is_discarded_once(browse, operator, station):
    message = message_make(station)
    client = browse(operator)
    assert "is discarded" in client.post(f"/quarantine/{message.pk}/discard/", follow=True).content.decode()
    assert "already" in client.post(f"/quarantine/{message.pk}/discard/", follow=True).content.decode()
    message.refresh_from_db()
    assert message.state == "discarded"


def test_what_can_be_taken_now_is_taken_although_its_number_is_counted(browse, operator, station):
    moment = clock.now().timestamp()
    body = json.dumps([{"n": "temperature", "v": 3.5, "t": moment}]).encode()
    properties = {
        "content_type": "application/senml+json",
        "type": "readings",
        "application_headers": {"v": 1, "stream": "a" * 32, "seq": 1},
    }
    message = message_make(station, body, properties=properties)
    answer = browse(operator).post(f"/quarantine/{message.pk}/replay/", follow=True)
    assert "is now processed" in answer.content.decode()
    assert Reading.objects.get(series__station=station).value == 3.5


def test_what_still_cannot_be_taken_is_back_with_its_reason(browse, operator, station):
    message = message_make(station, b"{", properties={"content_type": "application/json"})
    answer = browse(operator).post(f"/quarantine/{message.pk}/replay/", follow=True)
    page = answer.content.decode()
    assert "It still cannot be processed" in page
    assert "One message" in page


def test_reasons_are_counted_and_time_is_a_filter(browse, viewer, station):
    moment = clock.now()
    for number in range(3):
        message_make(station, reason="too-deep", received_at=moment - timedelta(days=number))
    message_make(station)
    page = browse(viewer).get("/quarantine/").content.decode()
    assert "<b>3</b> too-deep" in page
    assert "<b>1</b> bad-json" in page
    yesterday = (moment - timedelta(days=1, minutes=1)).strftime("%Y-%m-%dT%H:%M")
    page = browse(viewer).get(f"/quarantine/?reason=too-deep&from={yesterday}").content.decode()
    assert "2 messages" in page
    assert "One message" in browse(viewer).get(f"/quarantine/?reason=too-deep&to={yesterday}").content.decode()
    assert browse(viewer).get("/quarantine/?from=never&to=9999-99-99&from=0001-01-01T00:00").status_code == 200


def test_a_note_says_why_it_was_given_up_and_by_whom(browse, operator, station):
    message = message_make(station)
    client = browse(operator)
    client.post(f"/quarantine/{message.pk}/discard/", {"note": f"a test {EVIL}"})
    page = client.get(f"/quarantine/{message.pk}/").content.decode()
    assert "by operator." in page
    assert "Note: a test &lt;script&gt;" in page


def test_a_note_that_is_too_long_is_refused_and_not_cut(browse, operator, station):
    message = message_make(station)
    client = browse(operator)
    page = client.post(f"/quarantine/{message.pk}/discard/", {"note": "n" * 2_001}, follow=True).content.decode()
    assert "The note has 2001 characters, but at most 2000 are kept. Shorten it." in page
    message.refresh_from_db()
    assert (message.state, message.note) == ("held", "")


def test_the_content_is_a_file_that_no_browser_opens(browse, viewer, stranger, station):
    raw = bytes(range(256))
    message = message_make(station, raw)
    answer = browse(viewer).get(f"/quarantine/{message.pk}/body/")
    assert answer.content == raw
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert browse(stranger).get(f"/quarantine/{message.pk}/body/").status_code == 404


def test_all_of_a_reason_are_tried_again_by_a_job_and_each_is_met_once(browse, operator, station):
    for number in range(BATCH + 5):
        message_make(station, sequenced_body(float(number)), properties=READINGS)
    message_make(station, b"{", properties=READINGS)
    other = message_make(station, b"{", reason="too-deep")
    client = browse(operator)
    page = client.post("/quarantine/replay/", {"reason": "bad-json"}, follow=True).content.decode()
    assert "The messages are being retried" in page
    assert f"0 of {BATCH + 6}" in page
    assert OutboxMessage.objects.filter(routing_key="ingest.replay_quarantine").count() == 1
    assert quarantine_replays_run() == BATCH + 6
    assert quarantine_replays_run() == 0
    assert Reading.objects.filter(series__station=station).count() == BATCH + 5
    page = client.get("/quarantine/").content.decode()
    assert f"{BATCH + 6} of {BATCH + 6}" in page
    assert "2 messages" in page
    other.refresh_from_db()
    assert other.state == "held"


def test_a_bulk_replay_reaches_no_other_organization_and_takes_the_role(browse, operator, viewer, station, elsewhere):
    foreign = message_make(station_of(elsewhere))
    unknown = message_make(None)
    own = message_make(station)
    page = browse(viewer).post("/quarantine/replay/", {"reason": "bad-json"}, follow=True).content.decode()
    assert "You need the operator role" in page
    browse(operator).post("/quarantine/replay/", {"reason": "bad-json"})
    assert quarantine_replays_run() == 1
    states = {}
    for message in (foreign, unknown, own):
        message.refresh_from_db()
        states[message.pk] = message.state
    assert states == {foreign.pk: "held", unknown.pk: "held", own.pk: "replayed"}


def test_progress_of_others_is_not_seen(browse, operator, stranger, station):
    message_make(station)
    browse(operator).post("/quarantine/replay/", {"reason": "bad-json"})
    assert "Bulk retries" in browse(operator).get("/quarantine/").content.decode()
    assert "Bulk retries" not in browse(stranger).get("/quarantine/").content.decode()


def test_nothing_to_replay_is_said(browse, operator, station):
    page = browse(operator).post("/quarantine/replay/", {"reason": "bad-json"}, follow=True).content.decode()
    assert "There are no held messages with this reason" in page


def test_a_message_of_a_branch_waits_for_the_decision_about_the_branch(browse, operator, station):
    message = message_make(station, reason="forked-stream")
    client = browse(operator)
    assert "Retry this message" not in client.get(f"/quarantine/{message.pk}/").content.decode()
    page = client.post(f"/quarantine/{message.pk}/replay/", follow=True).content.decode()
    assert "decide about the whole branch" in page
    message.refresh_from_db()
    assert message.state == "held"


def test_a_full_quarantine_costs_as_many_queries(browse, operator, station, queries_of):
    client = browse(operator)
    message_make(station)
    few = queries_of(client, "/quarantine/")
    for number in range(60):
        message_make(station, reason=f"reason-{number}")
    assert queries_of(client, "/quarantine/") == few
