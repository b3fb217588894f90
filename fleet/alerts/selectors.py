"""Queries for incidents, and for messages that could not be sent."""

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from fleet.alerts.channels import channels
from fleet.alerts.models import Incident, Notification
from fleet.alerts.rules import rules
from fleet.core import clock
from fleet.organizations.access import Viewer
from fleet.stations.models import Station


@dataclass(frozen=True, slots=True)
class UnsentMessage:
    """A message that could not be sent, and its recipient without the parts that work as a password."""

    notification: Notification
    recipient: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident and the sentence to show for it now."""

    incident: Incident
    sentence: str


def incident_list(
    *, viewer: Viewer, is_open: bool | None = None, station: Station | None = None, open_first: bool = False
) -> QuerySet[Incident]:
    """The viewer's incidents, newest first, with station, contact and organization joined.

    `open_first`: open ones first, then those that closed last.
    """
    found = Incident.objects.select_related("organization", "station__organization", "station__contact")
    found = found.filter(viewer.organizations("organization__") | Q(station__in=list(viewer.station_roles)))
    if station is not None:
        found = found.filter(station=station)
    if is_open is not None:
        found = found.filter(closed_at__isnull=is_open)
    return found.order_by(F("closed_at").desc(nulls_first=True) if open_first else "-opened_at", "-pk")


def incident_shown(incident: Incident) -> IncidentView:
    """An incident with its current sentence if it is open, or the sentence of its end if it is closed."""
    rule = rules().get(incident.rule)
    if incident.closed_at is not None or rule is None:
        return IncidentView(incident, incident.said(is_over=True) or incident.said(is_over=False))
    return IncidentView(incident, rule.opening(incident.station, clock.now()))


def notification_troubles(*, viewer: Viewer, most: int) -> list[UnsentMessage]:
    """Messages of the viewer's organizations that failed at least once and wait, or were given up; newest first.

    Not tests: their result is at their destination.
    """
    stuck = Q(state=Notification.State.PENDING, attempts__gt=0) | Q(state=Notification.State.FAILED)
    found = Notification.objects.exclude(phase=Notification.Phase.TEST).select_related("organization")
    found = found.filter(stuck, viewer.organizations("organization__"))
    return [UnsentMessage(one, _recipient_shown(one)) for one in found.order_by("-created_at", "-pk")[:most]]


def _recipient_shown(notification: Notification) -> str:
    channel = channels().get(notification.channel)
    return channel.shown(notification.recipient) if channel else notification.channel
