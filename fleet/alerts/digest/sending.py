"""Making the digests that are due, and queueing them: each in one transaction with the update of its row."""

import logging
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from fleet.alerts.digest.facts import facts_of
from fleet.alerts.digest.periods import LEAST, due_after, end_before
from fleet.alerts.digest.text import digest_body, digest_subject
from fleet.alerts.models.digest import Digest
from fleet.alerts.notifications.off_links import MailKind, off_url
from fleet.core import clock
from fleet.core.sending.mail import mail_add
from fleet.core.sending.mail_headers import automatic_mail
from fleet.organizations.access import viewer_of_user
from fleet.organizations.people import speaking_to

#: One run ends after this many seconds; the next one continues.
RUN_S: Final = 100.0
#: After a fault, and for a person without a mail address, the next try is this much later.
AGAIN: Final = timedelta(hours=1)

_log = logging.getLogger(__name__)


def digests_send() -> int:
    """Make the digests that are due and queue their mails; return how many.

    Two workers share the work: each takes what the other has not locked. A digest that cannot be made waits for an
    hour, so that it does not hold up the others.
    """
    made, until = 0, time.monotonic() + RUN_S
    while time.monotonic() < until:
        number = None
        try:
            with transaction.atomic():
                digest = _next_due()
                if digest is None:
                    break
                number = digest.pk
                made += _make(digest)
        except Exception:
            if number is None:
                raise
            _log.exception("The digest of membership %s could not be made; it is tried again.", number)
            _postpone(number, "A fault in Roost; the log of the task worker has the details.")
    return made


def _next_due() -> Digest | None:
    """Lock the digest that has been due for longest, of those that nobody else has locked."""
    due = Digest.objects.filter(
        is_on=True,
        due_at__lte=clock.now(),
        membership__user__is_active=True,
        membership__organization__deleted_at=None,
    )
    locked = due.order_by("due_at", "pk").select_for_update(of=("self",), skip_locked=True)
    return locked.select_related("membership__user", "membership__organization").first()


def _make(digest: Digest) -> int:
    """Queue the mail and record until when it covers, both or neither; return the number of mails."""
    membership, moment = digest.membership, clock.now()
    if not membership.user.email:
        _postpone(digest.pk, "Roost has no mail address for you.")
        return 0
    with speaking_to(email=membership.user.email, organization=membership.organization):
        end = end_before(moment, digest.rhythm)
        # The reader may have moved to another time zone since.
        is_due = end >= digest.told_until + LEAST
        if is_due:
            _queue(digest, end)
            digest.told_until, digest.last_made_at, digest.last_error = end, moment, ""
        digest.due_at = due_after(digest.told_until, digest.rhythm)
    digest.save(update_fields=["told_until", "last_made_at", "last_error", "due_at", "counted"])
    return int(is_due)


def _queue(digest: Digest, end: datetime) -> None:
    membership = digest.membership
    organization, viewer = membership.organization, viewer_of_user(membership.user)
    facts = facts_of(viewer=viewer, organization=organization, start=digest.told_until, end=end, counted=digest.counted)
    digest.counted = asdict(facts.now)
    domain = urlsplit(settings.SITE_URL).hostname or "localhost"
    mail_add(
        automatic_mail(
            message_id=f"<digest.{token_hex(12)}@{domain}>",
            recipient=membership.user.email,
            subject=digest_subject(organization, facts),
            text=digest_body(organization, facts, clock.now()),
            off_url=off_url(membership, MailKind.DIGEST),
        )
    )


def _postpone(number: int, reason: str) -> None:
    Digest.objects.filter(pk=number).update(due_at=clock.now() + AGAIN, last_error=reason)
