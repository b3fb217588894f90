"""Mail by SMTP: plain text with a stable Message-ID, in the thread of the incident's first mail."""

from fleet.alerts.channels.base import Channel, ChannelError, Message
from fleet.core.sending.mail_headers import automatic_mail
from fleet.core.sending.smtp import MailOutcome, smtp_send

NAME = "mail"


def send(message: Message) -> None:
    """Hand one mail to the SMTP server of the settings. Raises `ChannelError`."""
    # Alerts retry on their own, so they bypass the site's outbox.
    done = smtp_send(
        automatic_mail(
            message_id=message.message_id,
            recipient=message.recipient,
            subject=message.subject,
            text=message.text,
            answers=message.answers,
            off_url=message.off_url,
        )
    )
    if done.outcome != MailOutcome.SENT:
        raise ChannelError(
            done.why,
            is_permanent=done.outcome == MailOutcome.REFUSED,
            is_maybe_delivered=done.is_maybe_delivered,
            is_channel_down=done.is_server_down,
        )


CHANNEL = Channel(name=NAME, send=send)
