"""A mail is stored as a row, waits while the mail server is down, and is deleted once the server has accepted it."""

import socket
from datetime import timedelta
from email import message_from_string, policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import BadHeaderError, EmailMessage, EmailMultiAlternatives, send_mail
from django.db import transaction

from fleet.core import clock
from fleet.core.models import AuditEntry, Mail, OutboxMessage
from fleet.core.sending.mail import KEPT, mail_send, mails_sweep
from fleet.core.sending.smtp import MailOutcome

pytestmark = pytest.mark.django_db


class Postbox:
    """A mail server that replies with `answer`, and keeps the mails it accepts in `taken`."""

    def __init__(self) -> None:
        self.taken, self.answer = [], "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("250"):
            self.taken.append((envelope.rcpt_tos, envelope.content.decode()))
        return self.answer


@pytest.fixture
def postbox(settings):
    box = Postbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "fleet.core.sending.mail.OutboxBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = False, "", ""
    yield box
    server.stop()


def write(subject="Confirm plover@example.org", body="https://roost.example/once"):
    send_mail(subject, body, None, ["plover@example.org"])
    return Mail.objects.latest("id")


def later(**amount):
    Mail.objects.update(due_at=clock.now() - timedelta(**amount))


def test_writing_a_mail_asks_for_a_job_and_sends_nothing(postbox):
    mail = write()
    assert postbox.taken == []
    job = OutboxMessage.objects.get(routing_key="core.send_mail")
    # The job's row is kept for a day, so it must not contain the mail.
    assert job.body == {"mail_id": mail.id}


def test_a_mail_goes_with_its_transaction(postbox):
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert not Mail.objects.exists()
    assert not OutboxMessage.objects.exists()


def test_a_mail_that_was_taken_leaves_nothing_here(postbox):
    assert mail_send(mail_id=write().id).outcome == MailOutcome.SENT
    ((recipients, content),) = postbox.taken
    assert recipients == ["plover@example.org"]
    assert "https://roost.example/once" in content
    assert not Mail.objects.exists()


def test_two_workers_send_one_mail_once(postbox):
    mail = write()
    Mail.objects.filter(id=mail.id).update(due_at=clock.now() + timedelta(minutes=5))
    assert mail_send(mail_id=mail.id) is None
    assert postbox.taken == []


def test_a_mail_server_that_is_away_is_waited_for_longer_and_longer(postbox, settings):
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    mail = write()
    waits = []
    for _ in range(4):
        assert mail_send(mail_id=mail.id).outcome == MailOutcome.LATER
        waits.append((Mail.objects.get().due_at - clock.now()).total_seconds())
        later(seconds=1)
    assert waits == sorted(waits)
    assert waits[0] > 20
    assert waits[3] > 170
    settings.EMAIL_PORT = port
    assert mails_sweep() == 1
    assert len(postbox.taken) == 1


def test_a_mail_refused_for_now_stays_and_one_refused_permanently_is_deleted(postbox):
    write()
    postbox.answer = "451 come back"
    assert mails_sweep() == 0
    assert Mail.objects.count() == 1
    later(seconds=1)
    postbox.answer = "554 no such person"
    assert mails_sweep() == 1
    assert not Mail.objects.exists()


def test_one_mail_refused_for_now_does_not_hold_up_the_others(postbox):
    for _ in range(3):
        write()
    postbox.answer = "451 come back"
    mails_sweep()
    assert set(Mail.objects.values_list("attempts", flat=True)) == {1}


def test_a_refused_login_waits_for_the_operator_and_gives_nothing_up(postbox):
    write()
    postbox.answer = "535 wrong password"
    assert mails_sweep() == 0
    assert Mail.objects.count() == 1
    assert not AuditEntry.objects.filter(action="mail.given_up").exists()


def test_what_is_given_up_stands_in_the_audit_log(postbox, settings):
    write("Join Long Point", "https://roost.example/secret")
    postbox.answer = "554 no such person"
    mails_sweep()
    settings.EMAIL_PORT = 9
    write("Confirm")
    Mail.objects.update(created_at=clock.now() - KEPT - timedelta(minutes=1))
    mails_sweep()
    told = AuditEntry.objects.filter(action="mail.given_up").order_by("id")
    assert [entry.subject for entry in told] == ["Join Long Point", "Confirm"]
    assert [entry.detail["to"] for entry in told] == [["plover@example.org"]] * 2
    assert "554" in told[0].detail["why"]
    assert told[1].detail["why"] == "not sent in 3 days"
    assert "secret" not in str(told.values())


def test_each_of_many_mails_that_are_given_up_is_named(postbox, settings, monkeypatch):
    monkeypatch.setattr("fleet.core.sending.mail._ROUND_MOST", 2)
    settings.EMAIL_PORT = 9
    for n in range(5):
        write(f"Mail {n}")
    Mail.objects.update(created_at=clock.now() - KEPT - timedelta(minutes=1))
    for left in (3, 1, 0):
        mails_sweep()
        assert Mail.objects.count() == left
    named = AuditEntry.objects.filter(action="mail.given_up").order_by("id").values_list("subject", flat=True)
    assert list(named) == [f"Mail {n}" for n in range(5)]


def test_a_link_is_not_kept_longer_than_it_works(postbox, settings):
    settings.EMAIL_PORT = 9
    mail = write()
    Mail.objects.filter(id=mail.id).update(created_at=clock.now() - KEPT - timedelta(minutes=1))
    assert mails_sweep() == 0
    assert not Mail.objects.exists()


def test_the_log_names_no_address(postbox, caplog):
    write()
    postbox.answer = "554 plover@example.org is unknown"
    mails_sweep()
    assert "permanently refused" in caplog.text
    assert "plover" not in "".join(said.message for said in caplog.records if said.name.startswith("roost"))


@pytest.mark.parametrize("subject", ["one\nBcc: all@example.org", "one\r\nBcc: all@example.org"])
def test_a_line_break_in_a_header_is_refused_before_anything_is_written(postbox, subject):
    with pytest.raises(BadHeaderError):
        write(subject=subject)
    assert not Mail.objects.exists()


def test_only_plain_text_is_taken(postbox):
    with_page = EmailMultiAlternatives("a", "b", None, ["plover@example.org"])
    with_page.attach_alternative("<b>b</b>", "text/html")
    with_file = EmailMessage("a", "b", None, ["plover@example.org"])
    with_file.attach("a.txt", "text")
    for message in (with_page, with_file):
        with pytest.raises(ValueError, match="plain text"):
            message.send()


@pytest.mark.parametrize(
    "subject",
    [
        "Verstummt: Vogelwarte Höngg am Limmatufer unterhalb der großen Brücke (SG-5113BBBK2972)",
        "Vogelwarte " + "ä" * 120,
        "鳥" * 60,
        "Ω",
        "🦅" * 40,
        "Silent: Old Cut \u2013 field\u2019s end",
        "plain and long " * 9,
    ],
)
def test_a_subject_begins_on_the_line_of_its_name(postbox, subject):
    mail = write(subject)
    assert mail_send(mail_id=mail.id).outcome == MailOutcome.SENT
    (_to, content), = postbox.taken  # fmt: skip
    lines = content.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("Subject:")]
    assert lines[number].strip() != "Subject:"
    assert all(len(line) <= 78 for line in lines[: lines.index("")])
    # A blank line after the subject would end the headers.
    assert lines[number + 1].startswith((" ", "From: "))
    read = message_from_string(content, policy=policy.default)
    assert read["Subject"] == subject.strip()


def test_a_sender_with_a_long_name_begins_on_its_line_too(postbox, settings):
    settings.DEFAULT_FROM_EMAIL = (
        '"Vögel, Höngg \u2013 die Stationen am Limmatufer und darüber hinaus" <roost@example.org>'
    )
    assert mail_send(mail_id=write().id).outcome == MailOutcome.SENT
    (_to, content), = postbox.taken  # fmt: skip
    (line,) = [line for line in content.splitlines() if line.startswith("From:")]
    assert line.strip() != "From:"
    name, address = parseaddr(message_from_string(content)["From"].replace("\n", ""))
    # Decoded by hand: Python's default policy reads the break between two encoded words as a space.
    assert str(make_header(decode_header(name))) == "Vögel, Höngg \u2013 die Stationen am Limmatufer und darüber hinaus"
    assert address == "roost@example.org"
