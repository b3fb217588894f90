"""Notes about a station: what people saw and did there, dated and signed, newest first."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.services import paragraphs_check
from fleet.stations.models import Station, StationNote

TEXT_MOST = 10_000
#: How far a person's clock may be ahead of the server's.
_AHEAD = timedelta(minutes=10)


def note_list(*, station: Station) -> QuerySet[StationNote]:
    """A station's notes, newest first."""
    return StationNote.objects.filter(station=station).order_by("-at", "-id")


def note_get(*, station: Station, note_id: int) -> StationNote:
    """One note of a station. Raises `NotFound`."""
    found = StationNote.objects.filter(station=station, pk=note_id).first()
    if found is None:
        raise NotFound(_("This station has no such note."))
    return found


@transaction.atomic
def note_add(*, actor: Viewer, station: Station, text: str, at: datetime | None = None) -> StationNote:
    """Write a note; `at` is the time it is about, by default now. Raises `InvalidInput` naming the field."""
    actor.require(Role.OPERATOR, station=station, to=_("write notes about %(serial)s"))
    moment = clock.now()
    text = paragraphs_check(text, field="text", most=TEXT_MOST)
    if not text:
        raise InvalidInput(_("The note is empty."), field="text")
    if at is not None and at > moment + _AHEAD:
        raise InvalidInput(_("A note cannot be about the future: choose a moment that has passed."), field="at")
    note = StationNote.objects.create(
        station=station,
        at=at or moment,
        text=text,
        written_by=actor.user,
        written_by_name=actor.name[:150],
        written_at=moment,
    )
    audit(actor, station, "note.add", note=note.pk)
    return note


@transaction.atomic
def note_remove(*, actor: Viewer, station: Station, note: StationNote) -> None:
    """Remove a note: its author or an owner may."""
    if not note_may_remove(actor=actor, station=station, note=note):
        raise Forbidden(_("Only its author or an owner of the organization can remove a note."))
    if StationNote.objects.filter(pk=note.pk, station=station).delete()[0]:
        audit(actor, station, "note.remove", note=note.pk)


def note_may_remove(*, actor: Viewer, station: Station, note: StationNote) -> bool:
    """Whether this viewer may remove the note."""
    is_author = actor.user is not None and note.written_by_id == actor.user.pk
    return actor.may(Role.OWNER, station.organization_id) or (
        is_author and actor.may(Role.OPERATOR, station.organization_id)
    )
