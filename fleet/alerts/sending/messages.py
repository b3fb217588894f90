"""Content of a notification: subject, sentences and links as plain text for people, and each incident for programs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.alerts.channels.base import IncidentReport, Message
from fleet.alerts.channels.mail import NAME as MAIL
from fleet.alerts.grouping.words import behind_words, shared_sentence, shared_stations, station_words, storm_words
from fleet.alerts.maintenance.words import held_words
from fleet.alerts.models import Incident, Notification
from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.notifications.off_links import notification_off_url
from fleet.alerts.rules import rule_of
from fleet.alerts.rules.base import Rule
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.selectors import incident_shown
from fleet.alerts.sending.act_links import act_url, receiver_of
from fleet.core import clock
from fleet.core.spoken import moment_words, one_line
from fleet.core.zones import is_utc, zone_words
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.organizations.people import speaking_to
from fleet.stations.models import Station

#: Stations named one by one in one message.
NAMED_MOST = 40
#: Maximum incidents that a message lists for programs; it also says how many there are.
REPORTS_MOST = 500
#: Phases of messages about incidents that go on; they report only those that they still apply to.
GOING_ON = (Notification.Phase.AGAIN, Notification.Phase.ASSIGNED)
_SUBJECT_MOST = 150
_ANSWERS_MOST = 20


def message_of(*, notification: Notification, moment: datetime, secret: str = "") -> Message:
    """Render the message from the current state.

    A station that recovered before anyone was notified is reported as recovered.
    """
    organization = notification.organization
    incidents = list(_told_of(notification).order_by("station__name", "station__serial"))
    over, receiver = _is_over(notification, incidents), receiver_of(notification)
    with _in_the_readers_words(notification):
        if notification.phase == Notification.Phase.TEST:
            subject, body = _test_words(organization)
        elif notification.phase == Notification.Phase.STORM:
            subject, body = storm_words(notification, moment)
        else:
            rule = rule_of(notification.rule, incidents[0].title if incidents else "")
            text = _Text(rule, notification, incidents, over, receiver, moment)
            subject, body = text.subject(), text.body()
        reports = tuple(
            _report(incident, notification, receiver, is_over=incident.pk in over)
            for incident in incidents[:REPORTS_MOST]
        )
    return Message(
        message_id=notification.message_id,
        answers=_answers(notification, incidents),
        recipient=notification.recipient,
        subject=subject,
        text=body,
        event=notification.phase,
        organization=organization.slug,
        rule=notification.rule,
        reports=reports,
        total=len(incidents),
        secret=secret,
        off_url=notification_off_url(notification),
    )


def is_overtaken(notification: Notification) -> bool:
    """Whether a message about incidents that go on no longer applies to any of them."""
    return notification.phase in GOING_ON and not _told_of(notification).exists()


def _told_of(notification: Notification) -> QuerySet[Incident]:
    """The incidents that a message reports: all, or in a phase of `GOING_ON` only those that it still applies to.

    A message that may have arrived keeps all its incidents.
    """
    found = notification.incidents.select_related("organization", "station__organization", "station__contact")
    if notification.phase not in GOING_ON or notification.is_maybe_delivered:
        return found
    if notification.phase == Notification.Phase.AGAIN:
        return found.filter(closed_at=None, acknowledged_at=None)
    member = notification.destination.membership_id if notification.destination else None
    # Without a member's destination, no incident is assigned to the receiver.
    return found.filter(closed_at=None, assignee=member or 0)


@contextmanager
def _in_the_readers_words(notification: Notification) -> Iterator[None]:
    # Only people have a language and a time zone of their own; they are known by their email address.
    if notification.channel == MAIL:
        with speaking_to(email=notification.recipient, organization=notification.organization):
            yield
    else:
        with translation.override(notification.organization.language), timezone.override(None):
            yield


def _test_words(organization: Organization) -> tuple[str, str]:
    body = _("This is a test: alerts of %(organization)s arrive here. No station has a problem because of it.") % {
        "organization": one_line(organization.name)
    }
    return _("Test of Roost's alerts"), f"{body}\n\n--\n{_incidents_url()}\n"


def _report(
    incident: Incident, notification: Notification, receiver: Viewer | None, *, is_over: bool
) -> IncidentReport:
    return IncidentReport(
        incident_id=incident.pk,
        serial=incident.station.serial,
        station_name=one_line(incident.station.name),
        sentence=_said(incident, notification, is_over=is_over),
        is_over=is_over,
        began_at=incident.began_at,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        url=_station_url(incident.station),
        incident_url=f"{_incidents_url()}{incident.pk}/",
        act_url="" if is_over else act_url(notification, incident, receiver),
    )


def _said(incident: Incident, notification: Notification, *, is_over: bool) -> str:
    """Sentence on how it began or ended; and that maintenance held it back, if people therefore read of it only now."""
    said = incident.said(is_over=is_over)
    if notification.phase == Notification.Phase.OPENED and incident.held_until is not None:
        said = f"{said} {held_words(incident, clock.now())}"
    return one_line(said)


class _Text:
    """Text of one message about some incidents of one rule."""

    def __init__(
        self,
        rule: Rule,
        notification: Notification,
        incidents: Sequence[Incident],
        over: frozenset[int],
        receiver: Viewer | None,
        moment: datetime,
    ) -> None:
        self._rule, self._notification, self._incidents = rule, notification, incidents
        self._organization: Organization = notification.organization
        self._over, self._receiver, self._moment = over, receiver, moment
        self._shared = notification.shared
        self._is_all_over = all(incident.pk in over for incident in incidents)
        if self._shared is not None:
            self._is_all_over = self._shared.closed_at is not None

    def subject(self) -> str:
        """`Silent: Old Cut (SG-5113BBBK2972)`, or the number of stations; of a shared failure, out of how many."""
        word = self._rule.closed_subject if self._is_all_over else self._rule.opened_subject
        if self._shared is not None:
            what = self._shared_words(self._shared)
        else:
            is_one = len(self._incidents) == 1
            what = station_words(self._incidents[0].station) if is_one else self._count_words()
        subject = f"{one_line(str(word))}: {what}"
        if self._notification.phase == Notification.Phase.AGAIN:
            subject = _("Still open: %(subject)s") % {"subject": subject}
        elif self._notification.phase == Notification.Phase.ASSIGNED:
            subject = _("Assigned to you: %(subject)s") % {"subject": subject}
        return subject if len(subject) <= _SUBJECT_MOST else subject[: _SUBJECT_MOST - 1] + "…"

    def body(self) -> str:
        """The sentence first; how to get fewer mails last."""
        is_one = len(self._incidents) == 1 and self._shared is None
        parts = self._one() if is_one else self._several()
        if self._rule.name == SILENCE and not self._is_all_over and (behind := behind_words(self._incidents)):
            parts.append(behind)
        parts += ["--\n" + "\n".join([*self._zone(), self._less()])]
        return "\n\n".join(parts) + "\n"

    def _one(self) -> list[str]:
        incident = self._incidents[0]
        parts = [self._sentence(incident), _station_url(incident.station)]
        link = self._link(incident)
        return [*parts, f"{_('Acknowledge or snooze it, without logging in:')}\n{link}"] if link else parts

    def _several(self) -> list[str]:
        since = moment_words(min(incident.began_at for incident in self._incidents), self._moment)
        first = self._rule.closed_several if self._is_all_over else self._rule.opened_several
        named = [
            f"* {station_words(incident.station)}: {self._sentence(incident)}\n  {_station_url(incident.station)}"
            + (f"\n  {_('Acknowledge or snooze:')} {link}" if (link := self._link(incident)) else "")
            for incident in self._incidents[:NAMED_MOST]
        ]
        more = len(self._incidents) - NAMED_MOST
        if more > 0:
            named.append(ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more} + f": {_incidents_url()}")
        if self._shared is not None:
            return [shared_sentence(self._shared, self._moment), *named, *self._left(self._shared)]
        return [str(first) % {"stations": self._count_words(), "since": since}, *named]

    def _shared_words(self, shared: SharedFailure) -> str:
        """`17 of 20 stations at Old Cut`; once it is over, how many of the silent ones are back."""
        if shared.closed_at is None:
            return shared_stations(shared, shared.fallen, shared.total)
        return shared_stations(shared, shared.fallen - (shared.left_silent or 0), shared.fallen)

    def _left(self, shared: SharedFailure) -> list[str]:
        """Stations still silent when their shared failure is over: until now, their messages were held."""
        if shared.closed_at is None or self._notification.phase != Notification.Phase.CLOSED:
            return []
        left = list(
            Incident.objects.filter(shared=shared, closed_at=None)
            .select_related("organization", "station__organization", "station__contact")
            .order_by("station__name", "station__serial")
        )
        if not left:
            return []
        lines = [
            f"* {station_words(one.station)}: {one_line(incident_shown(one).sentence)}\n  {_station_url(one.station)}"
            for one in left[:NAMED_MOST]
        ]
        if (more := len(left) - NAMED_MOST) > 0:
            lines.append(ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more} + f": {_incidents_url()}")
        return [_("Still silent:"), *lines]

    def _link(self, incident: Incident) -> str:
        return "" if incident.pk in self._over else act_url(self._notification, incident, self._receiver)

    def _sentence(self, incident: Incident) -> str:
        if self._notification.phase in GOING_ON:
            # It may have begun long ago: show its current sentence.
            return one_line(incident_shown(incident).sentence)
        return _said(incident, self._notification, is_over=incident.pk in self._over)

    def _count_words(self) -> str:
        number = len(self._incidents)
        return ngettext("%(n)d station of %(organization)s", "%(n)d stations of %(organization)s", number) % {
            "n": number,
            "organization": one_line(self._organization.name),
        }

    def _zone(self) -> list[str]:
        """The time zone of the times above; those in UTC say so themselves."""
        return [] if is_utc() else [_("Times are in %(zone)s.") % {"zone": zone_words(self._moment)}]

    def _less(self) -> str:
        words = {"organization": one_line(self._organization.name), "url": _incidents_url()}
        return _("You get this because you receive the alerts of %(organization)s. To receive fewer: %(url)s") % words


def _is_over(notification: Notification, incidents: Sequence[Incident]) -> frozenset[int]:
    """Incidents whose end this message reports: all of a closing one, and those that ended before it was sent."""
    if notification.phase == Notification.Phase.CLOSED:
        return frozenset(incident.pk for incident in incidents)
    closed = [incident.pk for incident in incidents if incident.closed_at is not None]
    if not closed:
        return frozenset()
    told_apart = Notification.incidents.through.objects.filter(
        incident_id__in=closed,
        notification__phase=Notification.Phase.CLOSED,
        notification__recipient=notification.recipient,
        notification__channel=notification.channel,
    ).values_list("incident_id", flat=True)
    return frozenset(closed) - frozenset(told_apart)


def _answers(notification: Notification, incidents: Sequence[Incident]) -> tuple[str, ...]:
    """Message ids of the beginnings: a message about an end belongs to their thread."""
    if notification.phase == Notification.Phase.OPENED:
        return ()
    beginnings = (
        Notification.objects.filter(
            incidents__in=[incident.pk for incident in incidents],
            phase=Notification.Phase.OPENED,
            channel=notification.channel,
            recipient=notification.recipient,
        )
        .exclude(state__in=[Notification.State.MERGED, Notification.State.HELD])
        .order_by("id")
        .values_list("message_id", flat=True)
        .distinct()
    )
    return tuple(beginnings[:_ANSWERS_MOST])


def _station_url(station: Station) -> str:
    return f"{settings.SITE_URL}/stations/{quote(station.serial, safe='')}/"


def _incidents_url() -> str:
    return f"{settings.SITE_URL}/incidents/"
