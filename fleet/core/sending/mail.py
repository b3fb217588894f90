"""The mail queue: a request only writes a row, and a job hands it to the mail server until it is accepted."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.models import Mail
from fleet.core.outbox import job_ask
from fleet.core.sending.mail_headers import RoostMail
from fleet.core.sending.smtp import Attempt, MailOutcome, retry_wait, smtp_send

_log = logging.getLogger("roost.mail")

#: How long a process may take to send a mail it has claimed; longer than the mail server's timeout.
LEASE = timedelta(minutes=5)
#: Links in mails do not live longer than this, so neither do the mails.
KEPT = timedelta(days=3)
#: Maximum mails per sweep.
_ROUND_MOST = 100


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


def mail_send(*, mail_id: int) -> Attempt | None:
    """Hand one mail to the mail server; return the attempt, or None if the mail is not due or another process has it.

    A mail that was sent or permanently refused is deleted.
    """
    moment = clock.now()
    taken = Mail.objects.filter(id=mail_id, due_at__lte=moment).update(
        due_at=moment + LEASE, attempts=F("attempts") + 1
    )
    mail = Mail.objects.filter(id=mail_id).first()
    if not taken or mail is None:
        return None
    done = smtp_send(
        RoostMail(
            subject=mail.subject, body=mail.body, from_email=mail.sender, to=mail.recipients, headers=mail.headers
        )
    )
    if done.outcome in {MailOutcome.LATER, MailOutcome.MISCONFIGURED}:
        wait = retry_wait(mail.attempts)
        Mail.objects.filter(id=mail_id).update(due_at=moment + wait)
        _log.warning(
            "Mail %s was not sent (%s); the next attempt is in %.0f s: %s",
            mail_id, done.outcome.value, wait.total_seconds(), done.brief,
        )  # fmt: skip
        return done
    if done.outcome == MailOutcome.REFUSED:
        _log.warning("Mail %s was permanently refused: %s", mail_id, done.brief)
        _audit_given_up(mail, done.brief)
    Mail.objects.filter(id=mail_id).delete()
    return done


def mails_sweep() -> int:
    """Send what is due and give up what is too old to be useful; return how many were settled. It catches lost jobs.

    The audit log names each mail that is given up, so one sweep gives up only so many; the next one continues.
    """
    moment = clock.now()
    old = list(Mail.objects.filter(created_at__lt=moment - KEPT).order_by("id")[:_ROUND_MOST])
    for mail in old:
        with transaction.atomic():
            _audit_given_up(mail, f"not sent in {KEPT.days} days")
            mail.delete()
    if old:
        _log.error("%s mails could not be sent for three days and were dropped: check ROOST_SMTP_HOST.", len(old))
    fresh = Mail.objects.filter(due_at__lte=moment, created_at__gte=moment - KEPT)
    due = fresh.order_by("due_at").values_list("id", flat=True)
    settled = 0
    for mail_id in list(due[:_ROUND_MOST]):
        done = mail_send(mail_id=mail_id)
        if done is not None and done.is_server_down:
            # The other mails would fail the same way now.
            break
        if done is not None and done.outcome in {MailOutcome.SENT, MailOutcome.REFUSED}:
            settled += 1
    return settled


def _audit_given_up(mail: Mail, why: str) -> None:
    """Record in the audit log that this mail will not arrive, because somebody is waiting for it."""
    detail = {"to": mail.recipients, "why": why}
    audit_write(actor=None, organization_id=None, action="mail.given_up", subject=mail.subject, detail=detail)
