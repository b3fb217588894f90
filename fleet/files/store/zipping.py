"""Asking for a zip of stored files: permission, limits per person, and the entry in the audit log."""

import time
from collections.abc import Iterator, Sequence

from django.core.cache import cache
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, TooMany
from fleet.files.store.models import FileRevision
from fleet.files.store.zips import FILES_MOST, ZipPlan, zip_pieces, zip_plan
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station

#: Maximum zips of one person at once, and maximum megabytes per hour.
AT_ONCE_MOST, HOUR_MB_MOST = 2, 20_000
#: Seconds after its last sign of life that a zip still counts, and seconds between two such signs while it is read.
_SLOT_S, _SIGN_S = 300, 60.0
_HOUR_S = 3_600


def zip_begin(*, actor: Viewer, owner: Station | Organization, found: Sequence[FileRevision]) -> Iterator[bytes]:
    """The bytes of a zip of these files, made while it is read; a list in it names the files beyond its limits.

    Raises `Forbidden`, `InvalidInput` without any files, and `TooMany`.
    """
    if isinstance(owner, Station):
        actor.require(Role.VIEWER, station=owner, to=_("download files of %(serial)s"))
    else:
        actor.require(Role.VIEWER, organization=owner, to=_("download files of %(name)s"))
    if not found:
        raise InvalidInput(_("No file selected. Select the files first."), field="file")
    plan = zip_plan(found[:FILES_MOST], has_stations=isinstance(owner, Organization))
    if len(found) > FILES_MOST:
        more = _("More files were found. A zip has at most %(most)d.") % {"most": FILES_MOST}
        plan.left.append(("…", more))
    slot = _slot_take(actor)
    try:
        _octets_count(actor, plan)
        action = "station.zip_files" if isinstance(owner, Station) else "organization.zip_files"
        first = [name for name, _revision in plan.entries[:5]]
        audit(actor, owner, action, files=len(plan.entries), octets=plan.octets, left=len(plan.left), first=first)
    except BaseException:
        cache.delete(slot)
        raise
    return _held(slot, zip_pieces(plan))


def _slot_take(actor: Viewer) -> str:
    for number in range(AT_ONCE_MOST):
        slot = f"files.zip.{_who(actor)}.{number}"
        if cache.add(slot, 1, _SLOT_S):
            return slot
    raise TooMany(
        _("You are downloading %(most)d zips already: wait until one ends, or five minutes after you stopped one.")
        % {"most": AT_ONCE_MOST}
    )


def _octets_count(actor: Viewer, plan: ZipPlan) -> None:
    key = f"files.zip.mb.{_who(actor)}"
    cache.add(key, 0, _HOUR_S)
    if int(cache.incr(key, plan.octets // 1_000_000 + 1)) > HOUR_MB_MOST:
        raise TooMany(
            _("You downloaded %(most)d GB in zips within an hour: wait an hour, then try again.")
            % {"most": HOUR_MB_MOST // 1_000}
        )


def _held(slot: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces; frees the slot at their end. If nobody reads on, the slot expires some minutes later."""
    sign = time.monotonic()
    try:
        for piece in pieces:
            if time.monotonic() - sign > _SIGN_S:
                sign = time.monotonic()
                cache.touch(slot, _SLOT_S)
            yield piece
    finally:
        cache.delete(slot)


def _who(actor: Viewer) -> str:
    return str(actor.user.pk) if actor.user else actor.name
