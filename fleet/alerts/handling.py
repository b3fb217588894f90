"""Steps that people take on an incident: acknowledge it, snooze it, take that back, assign it, write notes.

Each step is a conditional UPDATE and one `IncidentStep`. If two people act at once, the second is told what the first
one did. See `Incident`.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from fleet.alerts.models import Incident, IncidentStep
from fleet.alerts.notifications.planning import notifications_plan_assigned
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, InvalidInput, TooMany
from fleet.core.live import live_announce
from fleet.organizations.access import Role, Viewer, role_refusal
from fleet.organizations.models import Membership
from fleet.organizations.services import paragraphs_check

Kind = IncidentStep.Kind
NOTE_MOST: Final = 4_000
#: Maximum steps by people per incident.
STEPS_MOST: Final = 500
SNOOZE_MOST: Final = timedelta(days=90)
#: Ends a snooze.
_AWAKE: Final = {"snoozed_until": None, "is_snoozed_until_change": False}


def incident_may_handle(*, actor: Viewer, incident: Incident) -> bool:
    """Whether the viewer is an operator of the incident's organization, or of its station if it has not moved away."""
    is_there = incident.station.organization_id == incident.organization_id
    return actor.may(Role.OPERATOR, incident.organization_id) or (
        is_there and actor.may_station(Role.OPERATOR, incident.station)
    )


def handling_require(*, actor: Viewer, incident: Incident) -> None:
    """Raise `Forbidden` unless this viewer may act on the incident."""
    if not incident_may_handle(actor=actor, incident=incident):
        raise role_refusal(Role.OPERATOR, _("act on incidents of %(serial)s") % {"serial": incident.station.serial})


@transaction.atomic
def incident_acknowledge(*, actor: Viewer, incident: Incident, link: int | None = None) -> None:
    """Say that somebody takes care of it, and end a snooze. Raises `Conflict` if it is already acknowledged or over.

    `link`: the id of the notification whose link was used.
    """
    _begin(actor, incident)
    moment = clock.now()
    is_new = Q(acknowledged_at=None) | Q(snoozed_until__isnull=False) | Q(is_snoozed_until_change=True)
    if not _open(incident).filter(is_new).update(**_acknowledged(actor, moment), **_AWAKE):
        raise _refusal(incident)
    _step(actor, incident, Kind.ACKNOWLEDGED, moment, link=link)


@transaction.atomic
def incident_snooze(*, actor: Viewer, incident: Incident, until: datetime | None, link: int | None = None) -> None:
    """Notify nobody of it until a moment; with None, until another incident opens at the station.

    Raises `InvalidInput` if the moment is past or more than 90 days away, `Conflict` if the incident is over.
    """
    _begin(actor, incident)
    moment = clock.now()
    if until is not None and not moment < until <= moment + SNOOZE_MOST:
        raise InvalidInput(
            _("Choose a moment within the next %(n)d days.") % {"n": SNOOZE_MOST // timedelta(days=1)}, field="until"
        )
    snoozed = {"snoozed_until": until, "is_snoozed_until_change": until is None}
    if not _open(incident).update(**_acknowledged(actor, moment), **snoozed):
        raise _refusal(incident)
    _step(actor, incident, Kind.SNOOZED, moment, until=until, link=link)


@transaction.atomic
def incident_take_back(*, actor: Viewer, incident: Incident) -> None:
    """Take back an acknowledgement or snooze: the incident is open again. Raises `Conflict` if it is open or over."""
    _begin(actor, incident)
    held = _open(incident).filter(acknowledged_at__isnull=False)
    if not held.update(acknowledged_at=None, acknowledged_by_name="", **_AWAKE):
        raise _refusal(incident)
    _step(actor, incident, Kind.TAKEN_BACK, clock.now())


@transaction.atomic
def incident_assign(*, actor: Viewer, incident: Incident, username: str) -> None:
    """Assign it to a member of its organization, and notify them unless they are the actor; empty: to nobody.

    Raises `InvalidInput` if the person is not a member, `Conflict` if the incident is over.
    """
    _begin(actor, incident)
    moment = clock.now()
    member = _member(incident, username) if username else None
    others = _open(incident)
    others = others.filter(assignee__isnull=False) if member is None else others.exclude(assignee=member)
    if not others.update(assignee=member):
        if not _open(incident).exists():
            raise _refusal(incident)
        return
    _step(actor, incident, Kind.ASSIGNED, moment, text=member.user.get_username() if member else "")
    if member is not None and (actor.user is None or actor.user.pk != member.user_id):
        notifications_plan_assigned(incident=incident, member=member, moment=moment)


@transaction.atomic
def incident_note_add(*, actor: Viewer, incident: Incident, text: str) -> IncidentStep:
    """Write a note, even on an incident that is over. Raises `InvalidInput`."""
    _begin(actor, incident)
    text = paragraphs_check(text, field="text", most=NOTE_MOST)
    if not text:
        raise InvalidInput(_("The note is empty."), field="text")
    return _step(actor, incident, Kind.NOTED, clock.now(), text=text)


def assignees_of(incident: Incident) -> QuerySet[Membership]:
    """The members to whom it may be assigned, by name."""
    members = Membership.objects.filter(organization=incident.organization_id, user__is_active=True)
    return members.select_related("user").order_by("user__username")


def _begin(actor: Viewer, incident: Incident) -> None:
    handling_require(actor=actor, incident=incident)
    # Steps by Roost itself have no name and do not count.
    if IncidentStep.objects.filter(incident=incident).exclude(by_name="").count() >= STEPS_MOST:
        raise TooMany(_("This incident already has %(n)d steps. No more can be added.") % {"n": STEPS_MOST})


def _open(incident: Incident) -> QuerySet[Incident]:
    return Incident.objects.filter(pk=incident.pk, closed_at=None)


def _acknowledged(actor: Viewer, moment: datetime) -> dict[str, object]:
    return {"acknowledged_at": moment, "acknowledged_by_name": actor.name[:150]}


def _member(incident: Incident, username: str) -> Membership:
    # Lock the row, so that somebody who leaves at this moment does not stay the assignee.
    found = assignees_of(incident).filter(user__username=username)
    member = found.select_for_update(of=("self",), no_key=True).first()
    if member is None:
        raise InvalidInput(_("%(name)s is not a member of this organization.") % {"name": username}, field="assignee")
    return member


def _refusal(incident: Incident) -> Conflict:
    """The reason why the UPDATE changed nothing, from the incident's current state."""
    held = Incident.objects.get(pk=incident.pk)
    if held.closed_at is not None:
        return Conflict(_("This incident is over. You can still write notes."))
    if held.acknowledged_at is None:
        return Conflict(_("This incident is neither acknowledged nor snoozed."))
    return Conflict(_("%(name)s has acknowledged this incident already.") % {"name": held.acknowledged_by_name})


def _step(
    actor: Viewer,
    incident: Incident,
    kind: IncidentStep.Kind,
    moment: datetime,
    *,
    text: str = "",
    until: datetime | None = None,
    link: int | None = None,
) -> IncidentStep:
    made = IncidentStep.objects.create(
        incident=incident,
        kind=kind,
        at=moment,
        by=actor.user,
        by_name=actor.name[:150],
        text=text,
        until=until,
        link=link,
    )
    audit_write(
        actor=actor.user,
        organization_id=incident.organization_id,
        action=f"incident.{kind.value}",
        subject=incident.station.serial,
        detail={
            "incident": incident.pk,
            "by": actor.name,
            **({"until": until.isoformat()} if until else {}),
            **({"assignee": text} if kind == Kind.ASSIGNED else {}),
            **({"way": "link"} if link else {}),
        },
    )
    live_announce(changed={incident.organization_id: {incident.station.serial}})
    return made
