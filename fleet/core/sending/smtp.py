"""Handing one mail to the SMTP server: it is sent, to be retried, refused permanently, or our settings are wrong."""

import random
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

#: SMTP codes from here on are final, except refused login or encryption: those are ours to fix.
_PERMANENT_FROM = 500
_CONFIGURATION_CODES = frozenset({530, 534, 535, 538})
#: Seconds to wait for the server to accept a mail. Giving up earlier would send the same mail again.
_ANSWER_S = 180.0
#: The wait before another attempt doubles from the first value to the second, in seconds.
_FIRST_S, _LONGEST_S = 30.0, 900.0
_WHY_MOST = 200


class MailOutcome(StrEnum):
    """The result of sending a mail."""

    SENT = "sent"
    #: A later attempt may succeed.
    LATER = "later"
    #: No attempt will succeed.
    REFUSED = "refused"
    #: No attempt succeeds until an administrator of the server repairs the mail settings; the mail waits for that.
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one attempt. `why` is a sentence with the server's words, which may contain addresses.

    `brief` says why without them, for logs. `is_maybe_delivered`: the connection broke after the mail was handed over.
    `is_server_down`: other mails would fail the same way now.
    """

    outcome: MailOutcome
    why: str = ""
    brief: str = ""
    is_maybe_delivered: bool = False
    is_server_down: bool = False


def smtp_send(message: EmailMessage) -> Attempt:
    """Send one mail to the SMTP server of the settings; say what became of it. Raises nothing that SMTP can cause."""
    connection = get_connection(settings.MAIL_TRANSPORT)
    try:
        try:
            connection.open()
        except OSError as error:
            is_ours = _code(error) in _CONFIGURATION_CODES or isinstance(error, smtplib.SMTPNotSupportedError)
            outcome = MailOutcome.MISCONFIGURED if is_ours else MailOutcome.LATER
            return _failure(error, outcome, "The mail server cannot be used", is_server_down=True)
        if isinstance(connection, EmailBackend) and connection.connection and connection.connection.sock:
            connection.connection.sock.settimeout(_ANSWER_S)
        try:
            connection.send_messages([message])
        except (OSError, ValueError) as error:
            return _sending_failure(error)
    finally:
        # An accepted mail stays accepted, however the connection ends.
        with suppress(OSError):
            connection.close()
    return Attempt(MailOutcome.SENT)


def retry_wait(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: at random up to a quarter less, so that not all retry at once."""
    longest = min(_FIRST_S * 2.0 ** min(attempts - 1, 16), _LONGEST_S)
    return timedelta(seconds=longest * random.uniform(0.75, 1.0))


def _sending_failure(error: OSError | ValueError) -> Attempt:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reason = next(iter(error.recipients.values()), (0, b""))
        return _answer(error, code, reason)
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error, error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError | ValueError):
        return _failure(error, MailOutcome.REFUSED, "The mail cannot be sent")
    # Includes disconnections: smtplib derives its errors from OSError.
    return _failure(
        error,
        MailOutcome.LATER,
        "The connection to the mail server broke",
        is_maybe_delivered=True,
        is_server_down=True,
    )


def _answer(error: Exception, code: int, reason: bytes | str) -> Attempt:
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    if code in _CONFIGURATION_CODES:
        outcome = MailOutcome.MISCONFIGURED
    else:
        outcome = MailOutcome.REFUSED if code >= _PERMANENT_FROM else MailOutcome.LATER
    why = f"The mail server said {code} {' '.join(text.split())[:_WHY_MOST]}"
    return Attempt(outcome, why, f"{type(error).__name__} {code}")


def _failure(
    error: Exception, outcome: MailOutcome, what: str, *, is_maybe_delivered: bool = False, is_server_down: bool = False
) -> Attempt:
    code, name = _code(error), type(error).__name__
    words = " ".join(str(error).split())[:_WHY_MOST] or name
    return Attempt(
        outcome, f"{what}: {words}", f"{name}{f' {code}' if code else ''}", is_maybe_delivered, is_server_down
    )


def _code(error: Exception) -> int:
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
