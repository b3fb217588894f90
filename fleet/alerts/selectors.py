"""Queries for incidents, and for messages that could not be sent."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.alerts.channels import channels
from fleet.alerts.made_models import MADE
from fleet.alerts.models import Incident, IncidentStep, Notification
from fleet.alerts.rules import rule_known
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.organizations.access import Viewer
from fleet.stations.models import Station


@dataclass(frozen=True, slots=True)
class UnsentMessage:
    """A message that could not be sent, and its recipient without the parts that work as a password."""

    notification: Notification
    recipient: str


#: Of open incidents, counts end here: a frame around every page must not count a storm.
OPEN_COUNTED_MOST = 100


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """The number of open incidents, up to a limit, and whether a silent station is among them."""

    number: int
    is_any_silent: bool


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident and the sentence to show for it now."""

    incident: Incident
    sentence: str

    @property
    def is_silence(self) -> bool:
        """Whether it is about a station that fell silent."""
        return self.incident.rule == SILENCE

    @property
    def short(self) -> str:
        """The problem in one or two words."""
        rule = rule_known(self.incident.rule, self.incident.title)
        return str(rule.short) if rule else self.incident.rule


@dataclass(frozen=True, slots=True)
class Telling:
    """The messages about an incident's opening or end: how many, what became of them, the first when."""

    phase: str
    number: int
    sent: int
    failed: int
    unknown: int
    first_at: datetime


_SNOOZED = Q(snoozed_until__isnull=False) | Q(is_snoozed_until_change=True)
#: The condition of each `Incident.State`.
_IN_STATE = {
    Incident.State.OPEN.value: Q(closed_at=None, acknowledged_at=None),
    Incident.State.ACKNOWLEDGED.value: Q(closed_at=None, acknowledged_at__isnull=False) & ~_SNOOZED,
    Incident.State.SNOOZED.value: Q(closed_at=None) & _SNOOZED,
    Incident.State.CLOSED.value: Q(closed_at__isnull=False),
}


def incident_list(
    *,
    viewer: Viewer,
    is_open: bool | None = None,
    state: str = "",
    assignee: str = "",
    station: Station | None = None,
    open_first: bool = False,
    since: datetime | None = None,
) -> QuerySet[Incident]:
    """The viewer's incidents, newest first, with station, contact and organization joined.

    `state`: one of `Incident.State`. `assignee`: the name of a login. `open_first`: open ones first, then those that closed last. `since`: none that closed before.
    """
    found = Incident.objects.select_related(
        "organization", "station__organization", "station__contact", "assignee__user"
    )
    found = found.filter(viewer.organizations("organization__") | Q(station__in=list(viewer.station_roles)))
    if station is not None:
        found = found.filter(station=station)
    if is_open is not None:
        found = found.filter(closed_at__isnull=is_open)
    if state:
        found = found.filter(_IN_STATE[state])
    if assignee:
        found = found.filter(assignee__user__username=assignee)
    if since is not None:
        found = found.filter(Q(closed_at=None) | Q(closed_at__gte=since))
    return found.order_by(F("closed_at").desc(nulls_first=True) if open_first else "-opened_at", "-pk")


def incidents_open(*, viewer: Viewer) -> OpenIncidents:
    """How many of the viewer's incidents are open, counted up to `OPEN_COUNTED_MOST`."""
    found = incident_list(viewer=viewer, is_open=True).order_by("-pk").values_list("rule", flat=True)
    names = list(found[:OPEN_COUNTED_MOST])
    return OpenIncidents(len(names), SILENCE in names)


def incident_get(*, viewer: Viewer, incident_id: int) -> Incident:
    """One incident that this viewer may see. Raises `NotFound`."""
    found = incident_list(viewer=viewer).filter(pk=incident_id).first()
    if found is None:
        raise NotFound(_("There is no incident %(id)s.") % {"id": incident_id})
    return found


def incident_steps(*, incident: Incident) -> QuerySet[IncidentStep]:
    """Its steps, by people and by Roost, newest first."""
    return IncidentStep.objects.filter(incident=incident).order_by("-at", "-pk")


def incidents_before(*, incident: Incident, most: int) -> list[Incident]:
    """The newest incidents of the same station that were noticed before this one."""
    found = Incident.objects.filter(station=incident.station_id, opened_at__lt=incident.opened_at)
    return list(found.order_by("-opened_at", "-pk")[:most])


def incident_tellings(*, incident: Incident) -> list[Telling]:
    """How many messages went out in each phase; the receivers stay private."""
    states = Notification.State
    sent, failed, unknown = Q(state=states.SENT), Q(state=states.FAILED), Q(state=states.UNKNOWN)
    found = Notification.objects.filter(incidents=incident).values("phase").order_by("phase")
    counted = found.annotate(
        number=Count("pk"),
        sent=Count("pk", sent),
        failed=Count("pk", failed),
        unknown=Count("pk", unknown),
        first_at=Min("created_at"),
    )
    return [Telling(**row) for row in counted]


def incident_shown(incident: Incident) -> IncidentView:
    """An incident with its current sentence if it is open, or the sentence of its end if it is closed."""
    rule = rule_known(incident.rule, incident.title)
    if incident.closed_at is not None or rule is None or incident.rule.startswith(MADE):
        is_over = incident.closed_at is not None
        return IncidentView(incident, (is_over and incident.said(is_over=True)) or incident.said(is_over=False))
    return IncidentView(incident, rule.opening(incident.station, clock.now()))


def notification_troubles(*, viewer: Viewer, most: int) -> list[UnsentMessage]:
    """Messages of the viewer's organizations that failed and wait, were given up, or may have arrived; newest first.

    Not tests: their result is at their destination.
    """
    states = Notification.State
    stuck = Q(state=states.PENDING, attempts__gt=0) | Q(state__in=[states.FAILED, states.UNKNOWN])
    found = Notification.objects.exclude(phase=Notification.Phase.TEST).select_related("organization")
    found = found.filter(stuck, viewer.organizations("organization__"))
    return [UnsentMessage(one, _recipient_shown(one)) for one in found.order_by("-created_at", "-pk")[:most]]


def _recipient_shown(notification: Notification) -> str:
    channel = channels().get(notification.channel)
    return channel.shown(notification.recipient) if channel else notification.channel
