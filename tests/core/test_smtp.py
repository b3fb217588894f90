"""The one SMTP driver: its outcome for each way in which a server can answer, be away or break off."""

import socket

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import EmailMessage

from fleet.core.sending.smtp import MailOutcome, retry_wait, smtp_send


class Server:
    """Replies with `answer`, or drops the connection."""

    answer = "250 OK"

    async def handle_DATA(self, server, _session, _envelope):  # noqa: N802 - aiosmtpd's name
        if self.answer == "drop":
            server.transport.abort()
            return "250 never read"
        return self.answer

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - as above
        if address.startswith("gone@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def server(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = Server()
    controller = Controller(said, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = False, "", ""
    yield said
    controller.stop()


def send(to="ana@example.org"):
    return smtp_send(EmailMessage("Subject", "Body", "roost@example.org", [to]))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("250 OK", MailOutcome.SENT),
        ("421 too busy", MailOutcome.LATER),
        ("451 try later", MailOutcome.LATER),
        ("552 too big", MailOutcome.REFUSED),
        ("530 log in first", MailOutcome.MISCONFIGURED),
        ("535 wrong password", MailOutcome.MISCONFIGURED),
    ],
)
def test_each_answer_has_its_outcome_and_the_servers_words(server, answer, outcome):
    server.answer = answer
    done = send()
    assert (done.outcome, done.is_maybe_delivered, done.is_server_down) == (outcome, False, False)
    assert outcome == MailOutcome.SENT or done.why == f"The mail server said {answer}"


def test_an_unknown_recipient_is_refused_and_the_brief_reason_names_no_address(server):
    done = send("gone@example.org")
    assert done.outcome == MailOutcome.REFUSED
    assert done.brief == "SMTPRecipientsRefused 550"


def test_a_server_that_is_away_is_down_for_all_and_got_nothing(server, settings):
    settings.EMAIL_PORT = 9
    done = send()
    assert (done.outcome, done.is_server_down, done.is_maybe_delivered) == (MailOutcome.LATER, True, False)


def test_a_server_that_breaks_off_may_have_taken_it(server):
    server.answer = "drop"
    done = send()
    assert (done.outcome, done.is_server_down, done.is_maybe_delivered) == (MailOutcome.LATER, True, True)


def test_encryption_or_a_login_that_the_server_does_not_offer_is_ours_to_repair(server, settings):
    settings.EMAIL_USE_TLS = True
    assert send().outcome == MailOutcome.MISCONFIGURED
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = False, "roost", "secret"
    done = send()
    assert (done.outcome, done.is_server_down) == (MailOutcome.MISCONFIGURED, True)


def test_waits_double_up_to_a_quarter_of_an_hour():
    waits = [retry_wait(attempts).total_seconds() for attempts in (1, 2, 3, 6, 60)]
    for wait, full in zip(waits, (30, 60, 120, 900, 900), strict=True):
        assert 0.75 * full <= wait <= full
