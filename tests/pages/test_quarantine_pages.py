"""Quarantine on the site: seen by the right people, shown harmlessly whatever it is, replayed or discarded once."""

import gzip
import json

import pytest
from busy_stations import EVIL, message_make
from people import station_of

from fleet.core import clock
from fleet.telemetry.models import Reading

pytestmark = pytest.mark.django_db


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
    assert "Nothing here" in browse(stranger).get("/quarantine/").content.decode()


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
        assert "Nothing here" in client.get(f"/quarantine/?{query}").content.decode()
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
    assert "is taken now" in answer.content.decode()
    assert Reading.objects.get(series__station=station).value == 3.5


def test_what_still_cannot_be_taken_is_back_with_its_reason(browse, operator, station):
    message = message_make(station, b"{", properties={"content_type": "application/json"})
    answer = browse(operator).post(f"/quarantine/{message.pk}/replay/", follow=True)
    page = answer.content.decode()
    assert "It still cannot be taken" in page
    assert "One message" in page
