"""The mail queue: a request only writes a row, and a job hands it to the mail server until it is accepted."""

import logging
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.mail_headers import RoostMail
from fleet.core.models import Mail
from fleet.core.outbox import job_ask

_log = logging.getLogger("roost.mail")

#: How long a process may take to send a mail it has claimed; longer than the mail server's timeout.
LEASE = timedelta(minutes=5)
#: The wait between attempts doubles from the first value to the second, in seconds.
_FIRST_S, _LONGEST_S = 30, 3_600
#: Links in mails do not live longer than this, so neither do the mails.
KEPT = timedelta(days=3)
#: Maximum mails per sweep.
_ROUND_MOST = 100
#: How many abandoned mails per sweep the audit log names; the server log has the total count.
_NAMED_MOST = 100
#: SMTP codes from here on are final, except refused login or encryption: those are ours to fix.
_PERMANENT_FROM = 500
_CONFIGURATION_CODES = frozenset({530, 534, 535, 538})


class OutboxBackend(BaseEmailBackend):
    """The site's Django mail backend: one row and one job per mail, in the caller's transaction."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Queue the mails; return how many."""
        for message in email_messages:
            mail_add(message)
        return len(email_messages)


@transaction.atomic
def mail_add(message: EmailMessage) -> Mail:
    """Queue one mail. Raises `BadHeaderError` for a line break in a header, `ValueError` if it is not plain text."""
    if message.attachments or getattr(message, "alternatives", None):
        raise ValueError("Mails must be plain text: leave out attachments and HTML.")
    # Build it now, so that a mail that cannot be sent fails in the caller, not in the job.
    message.message()
    moment = clock.now()
    mail = Mail.objects.create(
        sender=message.from_email,
        recipients=list(message.recipients()),
        subject=str(message.subject),
        body=str(message.body),
        headers={name: str(value) for name, value in message.extra_headers.items()},
        created_at=moment,
        due_at=moment,
    )
    job_ask("core.send_mail", mail_id=mail.id)
    return mail


def mail_send(*, mail_id: int) -> bool:
    """Hand one mail to the mail server if it is due and unclaimed; return True once it is sent or given up."""
    moment = clock.now()
    taken = Mail.objects.filter(id=mail_id, due_at__lte=moment).update(
        due_at=moment + LEASE, attempts=F("attempts") + 1
    )
    mail = Mail.objects.filter(id=mail_id).first()
    if not taken or mail is None:
        return False
    try:
        _hand_over(mail)
    except (OSError, ValueError) as error:
        if not _is_permanent(error):
            wait = min(_FIRST_S * 2 ** min(mail.attempts - 1, 12), _LONGEST_S)
            Mail.objects.filter(id=mail_id).update(due_at=moment + timedelta(seconds=wait))
            _log.warning("Mail %s was not sent; the next attempt is in %s s: %s", mail_id, wait, _words(error))
            return False
        _log.warning("Mail %s was permanently refused: %s", mail_id, _words(error))
        _audit_given_up(mail, _words(error))
    Mail.objects.filter(id=mail_id).delete()
    return True


def mails_sweep() -> int:
    """Send what is due and delete what is too old to be useful; return how many were sent. The jobs' safety net."""
    moment = clock.now()
    old = Mail.objects.filter(created_at__lt=moment - KEPT)
    for mail in old.order_by("id")[:_NAMED_MOST]:
        _audit_given_up(mail, f"not sent in {KEPT.days} days")
    stale, _ = old.delete()
    if stale:
        _log.error("%s mails could not be sent for three days and were dropped: check ROOST_SMTP_HOST.", stale)
    due = Mail.objects.filter(due_at__lte=moment).order_by("due_at").values_list("id", flat=True)
    sent = 0
    for mail_id in list(due[:_ROUND_MOST]):
        if not mail_send(mail_id=mail_id):
            # If the server is down for one mail, it is down for the others too.
            break
        sent += 1
    return sent


def _hand_over(mail: Mail) -> None:
    connection = get_connection(settings.MAIL_TRANSPORT)
    message = RoostMail(
        subject=mail.subject, body=mail.body, from_email=mail.sender, to=mail.recipients, headers=mail.headers
    )
    try:
        connection.open()
        connection.send_messages([message])
    finally:
        # An accepted mail stays accepted, however the connection ends.
        with suppress(OSError):
            connection.close()


def _audit_given_up(mail: Mail, why: str) -> None:
    """Write to the audit log that this mail will not arrive: somebody is waiting for it."""
    detail = {"to": mail.recipients, "why": why}
    audit_write(actor=None, organization_id=None, action="mail.given_up", subject=mail.subject, detail=detail)


def _is_permanent(error: Exception) -> bool:
    code = 0
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()), (0, b""))[0]
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
    elif isinstance(error, smtplib.SMTPNotSupportedError | ValueError):
        return True
    return code >= _PERMANENT_FROM and code not in _CONFIGURATION_CODES


def _words(error: Exception) -> str:
    """The error without the addresses that smtplib includes."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}"
