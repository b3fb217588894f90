"""A CSV download is a single compressed stream: some clients read the first of several and stop."""

import csv
import io
import zlib

import pytest
from django.test import RequestFactory

from fleet.core.csv_file import csv_response

ROWS = [(str(number), "=1+1", number / 2) for number in range(1_000)]


def answer_to(accepted: str):
    request = RequestFactory().get("/", headers={"accept-encoding": accepted} if accepted else {})
    return csv_response(request, name="rows.csv", head=("name", "text", "value"), rows=ROWS)


def rows_in(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.5"])
def test_whoever_takes_gzip_gets_one_stream_with_every_row(accepted):
    answer = answer_to(accepted)
    unpacker = zlib.decompressobj(wbits=31)
    body = unpacker.decompress(b"".join(answer.streaming_content))
    assert unpacker.eof
    assert unpacker.unused_data == b""
    assert len(rows_in(body)) == 1 + len(ROWS)
    assert (answer["Content-Encoding"], answer["Vary"]) == ("gzip", "Accept-Encoding")


@pytest.mark.parametrize("accepted", ["", "identity", "br"])
def test_a_client_that_does_not_accept_gzip_gets_plain_text(accepted):
    answer = answer_to(accepted)
    rows = rows_in(b"".join(answer.streaming_content))
    assert rows[1] == ["0", "'=1+1", "0.0"]
    assert len(rows) == 1 + len(ROWS)
    assert not answer.has_header("Content-Encoding")
