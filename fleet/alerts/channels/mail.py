"""Mail by SMTP: plain text, a stable Message-ID, and refusals sorted into temporary and permanent."""

import smtplib
from contextlib import suppress
from email.utils import formatdate

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from fleet.alerts.channels.base import Channel, ChannelError, Message
from fleet.core import clock
from fleet.core.mail_headers import RoostMail

NAME = "mail"
#: SMTP codes from here on are permanent.
_PERMANENT_FROM = 500
#: Login or encryption refused: the operator has to repair that, so the mail waits.
_CONFIGURATION_CODES = frozenset({530, 534, 535, 538})
#: Seconds to wait for the server to accept a mail. Giving up earlier would send the same mail again.
_ANSWER_S = 180.0


def send(message: Message) -> None:
    """Hand one mail to the SMTP server of the settings. Raises `ChannelError`."""
    mail = RoostMail(subject=message.subject, body=message.text, to=[message.recipient], headers=_headers(message))
    # Alerts retry on their own, so they bypass the site's outbox.
    connection = get_connection(settings.MAIL_TRANSPORT)
    try:
        try:
            connection.open()
        except OSError as error:
            raise ChannelError(f"The mail server cannot be used: {_words(error)}", is_channel_down=True) from error
        if isinstance(connection, EmailBackend) and connection.connection and connection.connection.sock:
            connection.connection.sock.settimeout(_ANSWER_S)
        _hand_over(connection, mail)
    finally:
        # What was accepted stays accepted, however the connection ends.
        with suppress(OSError):
            connection.close()


def _hand_over(connection: BaseEmailBackend, mail: EmailMessage) -> None:
    try:
        connection.send_messages([mail])
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()), (0, b""))
        raise _refusal_error(code, reason) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal_error(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPNotSupportedError, UnicodeError, ValueError) as error:
        raise ChannelError(f"The mail cannot be sent: {_words(error)}", is_permanent=True) from error
    except OSError as error:
        # Includes disconnections: smtplib derives its errors from OSError.
        raise ChannelError(
            f"The connection to the mail server broke: {_words(error)}",
            is_maybe_delivered=True,
            is_channel_down=True,
        ) from error


def _refusal_error(code: int, reason: bytes | str) -> ChannelError:
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    is_permanent = code >= _PERMANENT_FROM and code not in _CONFIGURATION_CODES
    return ChannelError(f"The mail server said {code} {' '.join(text.split())[:200]}", is_permanent=is_permanent)


def _headers(message: Message) -> dict[str, str]:
    headers = {
        "Message-ID": message.message_id,
        "Date": formatdate(clock.now().timestamp()),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if message.answers:
        headers["In-Reply-To"] = message.answers[-1]
        headers["References"] = " ".join(message.answers)
    return headers


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


CHANNEL = Channel(name=NAME, send=send)
