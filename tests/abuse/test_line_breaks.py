"""Case 77: a line break in a name adds neither a header nor a log line."""

import logging

import pytest
from django.core import mail
from django.test import Client
from people import Role

from fleet.organizations.invitations import invitation_create
from fleet.organizations.models import Organization

pytestmark = pytest.mark.django_db

BREAKS = [
    "\r\nBcc: all@example.org",
    "\nX-Evil: 1",
    "\rSubject: other",
    "\u2028Bcc: all@example.org",
    "\x85X: 1",
    "\x0bX: 1",
]


@pytest.mark.parametrize("text", BREAKS, ids=repr)
def test_a_mail_has_only_the_headers_that_we_wrote(institute, owner, text):
    Organization.objects.filter(pk=institute.pk).update(name=f"Old Cut{text}")
    institute.refresh_from_db()
    invitation_create(organization=institute, email="new@example.org", role=Role.VIEWER, actor=owner)
    (sent,) = mail.outbox
    message = sent.message()
    assert {name.lower() for name in message} <= {
        *("content-type", "mime-version", "content-transfer-encoding", "subject", "from", "to", "date", "message-id"),
        *("auto-submitted", "x-auto-response-suppress", "reply-to"),
    }
    assert sent.recipients() == ["new@example.org"]
    assert "Old Cut" in sent.subject
    assert len(str(message["Subject"]).splitlines()) == 1
    assert message.get_content_type() == "text/plain"


@pytest.mark.parametrize("text", ["%0d%0aSet-Cookie:%20a=b", "%0aX:%201", "%E2%80%A8X"])
@pytest.mark.parametrize("place", ["/stations/{}/", "/api/v1/stations/{}", "/organizations/{}/", "/{}"])
def test_an_address_with_a_line_break_is_one_line_in_the_log_and_no_header(owner, caplog, place, text):
    client = Client(raise_request_exception=False)
    client.force_login(owner.user)
    with caplog.at_level(logging.DEBUG):
        answer = client.get(place.format(text))
    assert answer.status_code in (404, 400)
    assert "Set-Cookie" not in answer.headers
    for record in caplog.records:
        if record.name.startswith("django.request"):
            assert len(record.getMessage().splitlines()) == 1


@pytest.mark.parametrize("text", ["\r\nSet-Cookie: a=b", "\nX: 1"])
@pytest.mark.parametrize("parameter", ["next", "cursor", "q"])
def test_nothing_of_a_query_becomes_a_header(owner, parameter, text):
    client = Client(raise_request_exception=False)
    for place in ("/login/", "/", "/api/v1/stations", "/language/setlang/"):
        answer = client.get(place, {parameter: f"/{text}"})
        assert answer.status_code < 500
        assert "\n" not in "".join(f"{name}{value}" for name, value in answer.headers.items())
