"""Strays: stored bytes that no row names, as after restoring an older backup. They are kept until somebody decides."""

import logging
import re
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit, audit_write
from fleet.core.errors import Conflict, NotFound
from fleet.files.store.away import StoreAway
from fleet.files.store.contents import content_digest, content_is_there, content_lock, content_name, content_remove
from fleet.files.store.keeping import Meeting, content_met
from fleet.files.store.models import StoredContent, Upload
from fleet.files.store.uploads import path_check
from fleet.stations.models import Station

#: A name of stored bytes.
HASH = re.compile(r"[0-9a-f]{64}")
#: How long strays are kept.
KEPT_FOR = timedelta(days=90)
_DIGITS_LEAST, _ROWS_MOST = 8, 10_000
_GIVEN_BY = "an administrator"

State = StoredContent.State
_log = logging.getLogger(__name__)


@transaction.atomic
def stray_keep(*, storage: Any, place: str, sha256: str, before: datetime) -> bool:
    """Give bytes that are older than this moment a row as a stray, unless they have one. Raises `StoreAway`.

    Their senders may have been told that they are stored, but it is no longer known which file they were. If the same
    content is sound in another storage, this second copy is removed.
    """
    content_lock(sha256)
    name = content_name(sha256)
    if storage.get_modified_time(name) >= before:
        return False
    content = StoredContent.objects.filter(sha256=sha256).first()
    if content is not None:
        if content.place != place and content.state == State.KEPT and content_is_there(content):
            storage.delete(name)
        return False
    moment = clock.now()
    StoredContent.objects.create(
        sha256=sha256, octets=storage.size(name), place=place, state=State.STRAY, stored_at=moment, checked_at=moment
    )
    return True


def stray_list() -> QuerySet[StoredContent]:
    """All strays in the order in which they were found; `stored_at` is that moment."""
    return StoredContent.objects.filter(state=State.STRAY).order_by("id")


def stray_get(*, digits: str) -> StoredContent:
    """The stray whose SHA-256 begins with these digits, at least eight. Raises `NotFound`."""
    begins = digits.lower()
    found = list(stray_list().filter(sha256__startswith=begins)[:2]) if len(begins) >= _DIGITS_LEAST else []
    if len(found) != 1:
        raise NotFound(
            _(
                "No stray, or more than one, has a SHA-256 that begins with %(digits)s: give at least %(least)d digits, or more."
            )
            % {"digits": digits, "least": _DIGITS_LEAST}
        )
    return found[0]


def stray_give(*, digits: str, station: Station, path: str) -> Meeting:
    """Make a stray the file of a station. Raises `NotFound`, `InvalidInput`, `Conflict`, `TooMany` and `StoreAway`."""
    stray, path = stray_get(digits=digits), path_check(path)
    if content_digest(stray) != stray.sha256:
        raise Conflict(_("The bytes of this stray are no longer what was stored: it cannot be given to a station."))
    moment = clock.now()
    # As if the station had just uploaded it.
    sent = Upload(station=station, path=path, octets=stray.octets, sha256=stray.sha256, sender_name=_GIVEN_BY)
    with transaction.atomic():
        content_lock(stray.sha256)
        StoredContent.objects.filter(pk=stray.pk).update(state=State.KEPT, checked_at=moment)
        met = content_met(upload=sent, content=stray, begins_with="")
        audit(None, station, "files.stray_given", path=path, sha256=stray.sha256)
    return met


def stray_remove(*, digits: str) -> int:
    """Remove a stray permanently; return its size. Raises `NotFound`, `Conflict` and `StoreAway`."""
    stray = stray_get(digits=digits)
    if not _remove(stray):
        raise Conflict(_("This content has just become a file of a station: it is no stray any more."))
    return stray.octets


def strays_expire(*, moment: datetime) -> int:
    """Remove strays found longer than `KEPT_FOR` ago; return how many. A store that is away is tried next time."""
    removed = 0
    for stray in stray_list().filter(stored_at__lte=moment - KEPT_FOR)[:_ROWS_MOST]:
        try:
            removed += _remove(stray)
        except StoreAway as error:
            _log.error("The stray %s is not removed yet: %s", stray.sha256, error)
    return removed


@transaction.atomic
def _remove(stray: StoredContent) -> bool:
    """Remove a stray; False if it has become the content of a file."""
    content_remove(stray)
    if StoredContent.objects.filter(pk=stray.pk).exists():
        return False
    audit_write(
        actor=None,
        organization_id=None,
        action="files.stray_removed",
        subject=stray.sha256,
        detail={"octets": stray.octets, "found_at": stray.stored_at.isoformat()},
    )
    return True
