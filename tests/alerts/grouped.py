"""Stations that share a site or a network, and one sweep of their silence, for tests of grouped incidents."""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fleet.alerts.models import Incident, Notification
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import silence_sweep
from fleet.core.models import Pulse
from fleet.deployments.models import Deployment, Site
from fleet.stations.models import StationContact

#: After this long without contact, a station of `make_station` becomes silent.
SILENT_AFTER = timedelta(hours=3)
MINUTE = timedelta(minutes=1)
#: A sweep judges silence as of the last pulse, which is a moment ago.
SECOND = timedelta(seconds=1)


def now():
    """The current time."""
    return datetime.now(tz=UTC)


def look():
    """Sweep and send, as the tasks do, right after a pulse of ingest; return the result of the sweep."""
    Pulse.objects.filter(name="ingest").update(beat_at=now())
    moved = silence_sweep()
    while notifications_send(channel="mail"):
        pass
    return moved


def look_and_die():
    """Sweep, and lose the worker before the commit."""
    with transaction.atomic():
        silence_sweep()
        transaction.set_rollback(True)


def place(site, *stations):
    """Deploy stations at a site since yesterday."""
    for station in stations:
        Deployment.objects.create(station=station, site=site, period=(now() - timedelta(days=1), None))


def site_make(organization, name="Old Cut"):
    """A site of an organization."""
    return Site.objects.create(organization=organization, name=name)


def fall_silent(*stations, ago=MINUTE):
    """Move the stations' deadlines so that they became silent some time ago."""
    StationContact.objects.filter(station__in=stations).update(
        last_contact_at=now() - ago - SILENT_AFTER, late_after=now() - ago - MINUTE, silent_after=now() - ago
    )


def text_of(mail):
    """A mail's text with plain line ends."""
    return mail.get_content().replace("\r\n", "\n")


def held(why):
    """The messages that are held for this reason, oldest first."""
    return list(Notification.objects.filter(state="held", held_why=why).order_by("pk"))


def opened(station):
    """The open incident of a station."""
    return Incident.objects.get(station=station, closed_at=None)


def queries_of(act):
    """Number of queries that a call takes."""
    with CaptureQueriesContext(connection) as found:
        act()
    return len(found)
