"""Mails to the server's administrators about problems that belong to no station or organization."""

import logging
import secrets
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache

from fleet.core.sending.mail_headers import automatic_mail
from fleet.core.sending.smtp import MailOutcome, smtp_send

#: The same trouble is mailed at most once within this many seconds.
_ONCE_S = 86_400

_log = logging.getLogger(__name__)


def administrator_addresses() -> list[str]:
    """Mail addresses of the server's administrators."""
    rows = User.objects.filter(is_superuser=True, is_active=True).exclude(email="").order_by("id")
    return list(rows.values_list("email", flat=True))


def administrators_tell(*, about: str, trouble: str) -> bool:
    """Mail a sentence about a part of the server to its administrators, at most once a day. True if it was sent now."""
    _log.error("Trouble with %s: %s", about, trouble)
    key = f"administrators.told.{about}"
    if not cache.add(key, 1, _ONCE_S):
        return False
    is_sent = administrators_mail(subject=f"Roost: trouble with {about}", sentence=trouble)
    if not is_sent:
        cache.delete(key)
    return is_sent


def administrators_mail(*, subject: str, sentence: str) -> bool:
    """Mail a sentence to each administrator. True if anybody was reached."""
    domain = urlsplit(settings.SITE_URL).hostname or "localhost"
    is_sent = False
    for address in administrator_addresses():
        mail = automatic_mail(
            message_id=f"<trouble.{secrets.token_hex(12)}@{domain}>",
            recipient=address,
            subject=subject,
            text=f"{sentence}\n\nThis is about the server {settings.SITE_URL}; see `./roost status` for its current state.\n",
        )
        done = smtp_send(mail)
        if done.outcome == MailOutcome.SENT:
            is_sent = True
        else:
            _log.warning("The administrators could not be told: %s", done.why)
    return is_sent
