"""Short recoveries: an acknowledged incident goes on as the same one if it opens again before its end was told.

    acknowledged ──over──▶ closed, its end is held ──15 min, or the end of the snooze──▶ its end is told
         ▲                       └──it opens again──┐
         └──the held end is withdrawn───────────────┘

So people read of one beginning and one end, and an acknowledgement lasts. The end of an unacknowledged incident is told
at once; but in planned maintenance, the end of any incident that people were told of is held until that is over.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Q

from fleet.alerts.models import Incident, IncidentStep, Notification

Phase, State = Notification.Phase, Notification.State
#: How long an acknowledged incident must be over before Roost tells anybody that it ended.
SETTLE: Final = timedelta(minutes=15)
_WITHDRAWN: Final = "It opened again before this was sent."


def end_held_until(incident: Incident, moment: datetime) -> datetime | None:
    """Until when the end of an incident that closes now is held; None: it is told at once.

    In planned maintenance it is held until the maintenance ends, so that work on a station causes no messages about
    incidents that end and begin again.
    """
    if incident.is_held:
        return None
    until = incident.station.window_until or moment
    if incident.acknowledged_at is not None and not incident.is_snoozed_until_change:
        until = max(until, min(moment + SETTLE, incident.snoozed_until or moment + SETTLE))
    return until if until > moment else None


def incidents_reopen(*, rule: str, severities: Mapping[int, str], moment: datetime) -> list[Incident]:
    """Reopen incidents of a rule whose end is held, at these stations; tell at once the end of any that cannot reopen.

    `severities`: of the incidents that open now, by station; with another severity it is a new incident. Call it in the
    transaction that opens the others, before they are opened.
    """
    is_open = Incident.objects.filter(station=OuterRef("station"), rule=rule, closed_at=None)
    held = Incident.objects.filter(
        ~Exists(is_open),
        rule=rule,
        station__in=list(severities),
        # Incidents that a station left with its former organization stay closed.
        organization=F("station__organization"),
        closed_at__isnull=False,
        reopens_until__gt=moment,
    )
    reopened = []
    for incident in held.order_by("pk").select_related("organization", "station").select_for_update(of=("self",)):
        if incident.severity == severities[incident.station_id] and _end_withdraw(incident, moment):
            _reopen(incident, moment)
            reopened.append(incident)
        else:
            _end_release(incident, moment)
    return reopened


def _reopen(incident: Incident, moment: datetime) -> None:
    closed_at = incident.closed_at
    incident.closed_at = incident.reopens_until = None
    incident.closing_sentence, incident.closing_sentences = "", {}
    incident.save(update_fields=["closed_at", "reopens_until", "closing_sentence", "closing_sentences"])
    IncidentStep.objects.create(incident=incident, kind=IncidentStep.Kind.REOPENED, at=moment, until=closed_at)


def _end_withdraw(incident: Incident, moment: datetime) -> bool:
    """Take the incident out of the messages about its end; False if somebody has been told of it."""
    ends = list(
        Notification.objects.select_for_update()
        .filter(incidents=incident, phase=Phase.CLOSED)
        .exclude(state=State.DROPPED)
        .order_by("pk")
    )
    is_held = all(end.state == State.PENDING and end.held_until is not None and end.held_until > moment for end in ends)
    if not is_held or _is_told_with_beginning(incident):
        return False
    through = Notification.incidents.through
    through.objects.filter(incident=incident, notification__in=ends).delete()
    empty = Notification.objects.filter(pk__in=[end.pk for end in ends]).exclude(
        Exists(through.objects.filter(notification=OuterRef("pk")))
    )
    empty.update(state=State.DROPPED, last_error=_WITHDRAWN)
    return True


def _is_told_with_beginning(incident: Incident) -> bool:
    """Whether a message about the beginning was sent so late that it told of the end too."""
    own_end = Notification.objects.filter(
        incidents=incident, phase=Phase.CLOSED, channel=OuterRef("channel"), recipient=OuterRef("recipient")
    )
    late = Q(state=State.SENT, sent_at__gte=incident.closed_at) | Q(state=State.SENDING)
    late |= Q(state=State.PENDING, is_maybe_delivered=True)
    return Notification.objects.filter(~Exists(own_end), late, incidents=incident, phase=Phase.OPENED).exists()


def _end_release(incident: Incident, moment: datetime) -> None:
    """Tell of the end now, before somebody reads of a new beginning."""
    ends = Notification.objects.filter(incidents=incident, phase=Phase.CLOSED, state=State.PENDING)
    ends.filter(held_until__gt=moment).update(held_until=None, due_at=moment)
    Incident.objects.filter(pk=incident.pk).update(reopens_until=None)
