"""Queries for incidents, and for messages that could not be sent."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.alerts.channels import channels
from fleet.alerts.maintenance.words import held_words
from fleet.alerts.models import Incident, IncidentStep, Notification
from fleet.alerts.models.made import MADE
from fleet.alerts.models.shared import SharedFailure
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


#: Counts of open incidents end here: every page shows one, and must not count a whole storm.
OPEN_COUNTED_MOST = 100


#: Open shared failures that a page names.
SHARED_MOST = 20


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
    def held(self) -> str:
        """Sentence saying that planned maintenance holds, or held, it back; empty if none did."""
        return held_words(self.incident, clock.now())

    @property
    def short(self) -> str:
        """The problem in one or two words."""
        rule = rule_known(self.incident.rule, self.incident.title)
        return str(rule.short) if rule else self.incident.rule


@dataclass(frozen=True, slots=True)
class Telling:
    """The messages about an incident in one phase: how many, their results, and when the first was planned."""

    phase: str
    number: int
    sent: int
    failed: int
    unknown: int
    held: int
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
    shared: int | None = None,
    open_first: bool = False,
    since: datetime | None = None,
) -> QuerySet[Incident]:
    """The viewer's incidents, newest first, with station, contact and organization joined.

    `state`: one of `Incident.State`. `assignee`: the name of a login. `shared`: the id of a shared failure.
    `open_first`: open ones first, then those that closed last. `since`: none that closed before.
    """
    found = Incident.objects.select_related(
        "organization", "station__organization", "station__contact", "assignee__user"
    )
    found = found.filter(viewer.organizations("organization__") | Q(station__in=list(viewer.station_roles)))
    if station is not None:
        found = found.filter(station=station)
    if shared is not None:
        found = found.filter(shared=shared)
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
    """The viewer's open incidents, counted up to `OPEN_COUNTED_MOST`, without those that maintenance holds."""
    found = (
        incident_list(viewer=viewer, is_open=True).filter(is_held=False).order_by("-pk").values_list("rule", flat=True)
    )
    names = list(found[:OPEN_COUNTED_MOST])
    return OpenIncidents(len(names), SILENCE in names)


def incident_get(*, viewer: Viewer, incident_id: int) -> Incident:
    """One incident that this viewer may see. Raises `NotFound`."""
    found = incident_list(viewer=viewer).filter(pk=incident_id).first()
    if found is None:
        raise NotFound(_("There is no incident %(id)s.") % {"id": incident_id})
    return found


def shared_list(*, viewer: Viewer) -> list[SharedFailure]:
    """The open shared failures of the viewer's organizations, newest first; at most `SHARED_MOST`."""
    found = SharedFailure.objects.select_related("organization").filter(closed_at=None)
    return list(found.filter(viewer.organizations("organization__")).order_by("-opened_at", "-pk")[:SHARED_MOST])


def shared_get(*, viewer: Viewer, incident: Incident) -> SharedFailure | None:
    """The shared failure of an incident, if the viewer may see its organization."""
    if incident.shared_id is None:
        return None
    found = SharedFailure.objects.select_related("organization").filter(pk=incident.shared_id)
    return found.filter(viewer.organizations("organization__")).first()


def incident_parent(*, viewer: Viewer, incident: Incident) -> Incident | None:
    """The incident of the gateway that holds this one, or held it, if the viewer may see it."""
    holds = Notification.objects.filter(incidents=incident, held_by__isnull=False).values("held_by")
    held = Q(pk=incident.held_by_id) if incident.held_by_id is not None else Q(pk__in=holds)
    return incident_list(viewer=viewer).filter(held, ~Q(pk=incident.pk)).first()


def incidents_held(*, viewer: Viewer, incident: Incident, most: int) -> list[Incident]:
    """Incidents behind this one's station that it holds, or held, if the viewer may see them; by station."""
    held = Notification.incidents.through.objects.filter(notification__held_by=incident).values("incident")
    found = incident_list(viewer=viewer).filter(Q(held_by=incident) | Q(pk__in=held))
    return list(found.order_by("station__name", "station__serial")[:most])


def incident_steps(*, incident: Incident) -> QuerySet[IncidentStep]:
    """Its steps, by people and by Roost, newest first."""
    return IncidentStep.objects.filter(incident=incident).order_by("-at", "-pk")


def incidents_before(*, incident: Incident, most: int) -> list[Incident]:
    """The newest incidents of the same station that were noticed before this one."""
    found = Incident.objects.filter(station=incident.station_id, opened_at__lt=incident.opened_at)
    return list(found.order_by("-opened_at", "-pk")[:most])


def incident_tellings(*, incident: Incident) -> list[Telling]:
    """How many messages there are in each phase, and their results; the receivers stay private."""
    states = Notification.State
    sent, failed, unknown = Q(state=states.SENT), Q(state=states.FAILED), Q(state=states.UNKNOWN)
    held = Q(state=states.HELD)
    found = Notification.objects.filter(incidents=incident).values("phase").order_by("phase")
    counted = found.annotate(
        number=Count("pk"),
        sent=Count("pk", sent),
        failed=Count("pk", failed),
        unknown=Count("pk", unknown),
        held=Count("pk", held),
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
