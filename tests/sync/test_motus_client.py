"""The Motus client against a real HTTP server, with every fault that Motus has shown."""

import codecs
import logging
import socket
import time
import traceback
from datetime import UTC, datetime

import httpx
import pytest

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.adapters.clients.motus import MotusClient
from fleet.sync.adapters.motus import ADAPTER, fetch
from operations.simulators.motus import MotusSimulator

PASSWORD = "admin-password"


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


def ask(simulator, login="", password=""):
    with MotusClient(base_url=simulator, login=login, password=password) as client:
        return client.ask("receivers")


def test_takes_the_whole_list(motus):
    fetched = fetch()
    assert len(fetched.rows) == len(motus.rows)
    assert fetched.left_out == 0


def test_no_data_key_is_an_empty_list(motus):
    motus.faults_set(empty=True)
    assert fetch().rows == []


def test_entries_that_are_no_rows_are_counted(motus, make_row, monkeypatch):
    monkeypatch.setattr(MotusClient, "ask", lambda *_: {"data": [make_row(1, "A"), None, "x", 3]})
    fetched = fetch()
    assert (len(fetched.rows), fetched.left_out) == (1, 3)


@pytest.mark.parametrize(
    ("faults", "sentence", "questions"),
    [
        ({"html": True}, "a web page instead of data", 1),
        ({"internal_error": True}, "status 500", 3),
        ({"error_in_band": "token expired"}, "refused: token expired", 1),
        ({"busy_retry_after": 3600}, "busy", 1),
        ({"truncated": True}, "cut off", 3),
        ({"cut": True}, "connection to Motus broke", 3),
    ],
)
def test_a_fault_is_one_sentence(motus, faults, sentence, questions):
    motus.faults_set(**faults)
    with pytest.raises(SyncError, match=sentence):
        fetch()
    assert len(motus.requests) == questions


@pytest.mark.parametrize(
    "faults", [{"internal_error": True}, {"truncated": True}, {"cut": True}, {"busy_retry_after": 0}]
)
def test_a_passing_fault_is_tried_again(motus, faults):
    motus.faults_set(**faults, times=2)
    assert len(fetch().rows) == len(motus.rows)


def test_a_short_retry_after_is_waited_for(motus):
    motus.faults_set(busy_retry_after=1, times=1)
    begun = time.monotonic()
    assert fetch().rows
    assert time.monotonic() - begun >= 1


def test_a_long_retry_after_is_handed_on(motus):
    motus.faults_set(busy_retry_after=7200)
    with pytest.raises(SyncError) as caught:
        fetch()
    assert caught.value.retry_after_s == 7200


@pytest.mark.parametrize("drift", [3600, -3600])
def test_a_wrong_clock_is_met_with_the_date_of_the_server(motus, drift):
    motus.faults_set(clock_drift_s=drift)
    assert len(fetch().rows) == len(motus.rows)
    assert len(motus.requests) == 2


def test_a_slow_answer_ends_at_the_timeout(motus, monkeypatch):
    monkeypatch.setattr(motus_client, "READ_S", 0.3)
    motus.faults_set(slow_s=1.0)
    with pytest.raises(SyncError, match="in time"):
        fetch()


def test_a_body_without_end_is_not_read(motus, monkeypatch):
    monkeypatch.setattr(motus_client, "BODY_MOST_BYTES", 1_000)
    with pytest.raises(SyncError, match="longer than"):
        fetch()


def test_a_server_that_is_not_there_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SyncError, match="cannot be reached"):
            ask(f"http://127.0.0.1:{taken.getsockname()[1]}/api/")


def test_an_expired_certificate_is_not_trusted():
    with MotusSimulator(is_certificate_expired=True) as simulator, pytest.raises(SyncError, match="certificate"):
        ask(simulator.url)
    assert simulator.motus.requests == []


@pytest.mark.parametrize("address", ["motus.org/api", "ftp://motus.org/api/", "http://[::1/api"])
def test_an_invalid_address_is_an_error(address):
    with pytest.raises(SyncError, match="ROOST_MOTUS_URL"):
        ask(address)


def test_a_login_goes_into_the_body_only_when_it_is_set(motus, settings):
    ask(settings.ROOST_MOTUS_URL)
    ask(settings.ROOST_MOTUS_URL, login="plover", password=PASSWORD)
    assert motus.requests == [("GET", "receivers", ("date",)), ("POST", "receivers", ("date", "login", "pword"))]


def test_a_wrong_login_is_named_without_it(motus, settings):
    with pytest.raises(SyncError, match="does not accept") as caught:
        ask(settings.ROOST_MOTUS_URL, login="plover", password="no-such-secret")
    assert "no-such-secret" not in repr(caught.value)


def test_a_password_does_not_go_over_plain_http_to_another_machine():
    with pytest.raises(SyncError, match="not https"):
        MotusClient(base_url="http://motus.example/api/", login="plover", password=PASSWORD)


@pytest.mark.parametrize("faults", [{"internal_error": True}, {"cut": True}, {"error_in_band": f"bad {PASSWORD}"}])
def test_the_password_is_in_no_log_and_no_error(motus, settings, caplog, faults):
    caplog.set_level(logging.DEBUG)
    motus.faults_set(**faults)
    with pytest.raises(SyncError) as caught:
        ask(settings.ROOST_MOTUS_URL, login="plover", password=PASSWORD)
    assert motus.requests
    assert PASSWORD not in caplog.text
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_foreign_text_stays_short_and_on_one_line(motus):
    motus.faults_set(error_in_band="a\nb\x1b[31m" + "x" * 5_000)
    with pytest.raises(SyncError) as caught:
        fetch()
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


def test_unknown_words_are_kept_as_they_are(make_row):
    read = ADAPTER.listing(make_row(1, " SG-1 ", deploymentStatus="Lost at sea", receiverType=None, dtStart="soon"))
    assert (read.serial, read.status, read.is_active, read.type, read.since) == ("SG-1", "Lost at sea", False, "", None)


def test_a_start_with_an_offset_is_read_in_utc(make_row):
    read = ADAPTER.listing(make_row(1, "SG-1", dtStart="2019-07-17 18:38:56 -04:00"))
    assert read.since is not None
    assert read.since.isoformat() == "2019-07-17T22:38:56+00:00"


@pytest.mark.parametrize(
    ("pattern", "number", "address"),
    [
        ("https://motus.org/data/receiverDeployment?id={id}", 383, "https://motus.org/data/receiverDeployment?id=383"),
        ("https://motus.org/data/receiverDeployment?id={id}", "383'><script>", ""),
        ("javascript:alert({id})", 383, ""),
        ("", 383, ""),
    ],
)
def test_a_row_has_a_page_for_people(make_row, settings, pattern, number, address):
    settings.ROOST_MOTUS_PAGE = pattern
    assert ADAPTER.listing(make_row(number, "SG-1")).address == address


def answer_all(monkeypatch, body):
    """Make Motus answer every request with the same bytes."""
    answered = httpx.Response(200, content=body, request=httpx.Request("GET", "https://motus.example/api/"))
    monkeypatch.setattr(httpx.Client, "send", lambda *_args, **_options: answered)


ROWS = b'{"version":"2.0","data":[{"receiverID":"SG-1","motusRecvID":502}]}'


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"\xef\xbb\xbf" + ROWS, 1),
        (codecs.BOM_UTF16_LE + ROWS.decode().encode("utf-16-le"), 1),
        (b"\n  " + ROWS + b"\n", 1),
        (b'{"version":"2.0","data":null}', 0),
        (b'{"version":"2.0","data":null,"errors":[]}', 0),
        (b'{"data":[]}', 0),
    ],
)
def test_an_answer_in_an_odd_form_is_taken(monkeypatch, body, rows):
    answer_all(monkeypatch, body)
    assert len(fetch().rows) == rows


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors":[{"code":"x","message":"database is away"}]}', "database is away"),
        (b'{"errors":{"project":["not yours"]},"data":[]}', "not yours"),
        (b'{"errors":"too many","data":null}', "refused: too many"),
        (b'{"status":"error","message":"try later"}', "without a list.*try later"),
        (b'{"version":"2.0","rows":[]}', "without a list"),
        (b'{"data":{"SG-1":{}}}', "not a list"),
        (b'{"data":"none"}', "not a list"),
        (b"[]", "not data"),
        (b"null", "not data"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xef\xbb\xbf<html></html>", "web page"),
        (b'{"data":[{"motusRecvID":NaN}]}', "not valid JSON"),
        (b'{"data":[{"deploymentName":"\xe9"}]}', "not valid JSON"),
        (b'{"data":[{"deploymentName":"\\ud800"}]}', "not valid JSON"),
        (b"\xff\xfe{", "not data"),
        (b'{"data":' + b"[" * 100_000, "not valid JSON"),
    ],
)
def test_an_answer_that_says_something_else_is_never_an_empty_list(monkeypatch, body, words):
    answer_all(monkeypatch, body)
    with pytest.raises(SyncError, match=words):
        fetch()


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("2019-07-17 18:38:56 -04:00", datetime(2019, 7, 17, 22, 38, 56, tzinfo=UTC)),
        ("2019-07-17T18:38:56.123Z", datetime(2019, 7, 17, 18, 38, 56, 123_000, tzinfo=UTC)),
        ("2019-07-17T18:38:56.1234567+02:00", datetime(2019, 7, 17, 16, 38, 56, 123_456, tzinfo=UTC)),
        ("2019-07-17 18:38:56.5 -0400", datetime(2019, 7, 17, 22, 38, 56, 500_000, tzinfo=UTC)),
        ("2019-07-17 18:38:56", datetime(2019, 7, 17, 18, 38, 56, tzinfo=UTC)),
        ("2019-07-17", datetime(2019, 7, 17, tzinfo=UTC)),
        ("0001-01-01 00:00:00 +14:00", None),
        ("NA", None),
        ("", None),
    ],
)
def test_moments_are_read_as_people_write_them(make_row, said, read):
    assert ADAPTER.listing(make_row(1, "SG-1", dtStart=said)).since == read


def test_a_number_with_a_fraction_of_zeros_names_the_same_deployment(make_row, settings):
    settings.ROOST_MOTUS_PAGE = "https://motus.example/{id}"
    for number in (502, 502.0, "502", "502.0", " 502.00 "):
        row = make_row(number, "SG-1", recvProjectID=7.0)
        assert ADAPTER.key(row) == "502"
        assert ADAPTER.listing(row).address == "https://motus.example/502"
        assert ADAPTER.listing(row).project == "7"
    assert ADAPTER.rank(make_row(502.0, "SG-1")) > ADAPTER.rank(make_row(90, "SG-1"))
    for number in (502.5, 1e300, True, "²", "-1"):
        assert ADAPTER.listing(make_row(number, "SG-1")).address == ""
