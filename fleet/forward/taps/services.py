"""Adding a tap, giving it a new secret, and deleting it."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, TooMany, Unavailable
from fleet.core.outbox import job_ask
from fleet.forward.models import Tap
from fleet.forward.taps.broker import TapBroker, secret_hash_of, tap_keys
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.logins.broker import broker_ca_pem
from fleet.stations.models import Station
from message_queue import routing
from message_queue.events.kinds import EVENTS

RECONCILE_JOB: Final = "forward.reconcile_taps"
#: Contents of one tap: messages (default and maximum), bytes (default and minimum), hours of age (default and maximum).
MESSAGES, MESSAGES_MOST = 10_000, 100_000
BYTES, BYTES_LEAST = 10_000_000, 10_000
HOURS, HOURS_MOST = 168, 720
#: Maximum bindings of a tap: each pair of a station and an event is one, and takes a call.
KEYS_MOST: Final = 200
_NAME_MOST: Final = 80

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TapChoice:
    """The events that a tap gets, and how many it holds. Empty: events of all names and all stations."""

    events: Sequence[str] = ()
    serials: Sequence[str] = ()
    messages: int = MESSAGES
    #: None: the usual number, or the server's maximum if that is less.
    octets: int | None = None
    hours: int = HOURS


@dataclass(frozen=True, slots=True)
class TapGrant:
    """All that a program needs to read a tap. The secret is shown once."""

    host: str
    port: int
    tls: bool
    vhost: str
    queue: str
    secret: str
    ca_pem: str

    @property
    def url(self) -> str:
        """The same as one URL, as client libraries take it."""
        scheme = "amqps" if self.tls else "amqp"
        return f"{scheme}://{self.queue}:{self.secret}@{self.host}:{self.port}/{quote(self.vhost, safe='')}"


def tap_add(*, actor: Viewer, organization: Organization, name: str, choice: TapChoice) -> tuple[Tap, TapGrant]:
    """Add a tap, which gets what happens from now on. Raises `Forbidden`, `TooMany`, `InvalidInput`, `Unavailable`.

    The row is written before anything is made on the broker: whatever is there without a row is removed by a job.
    """
    tap_owner_require(actor, organization)
    secret = secrets.token_urlsafe(32)
    tap = _row_add(actor, organization, name, choice, secret)
    try:
        with TapBroker.open() as broker:
            broker.tap_ensure(tap)
    except Unavailable as error:
        with transaction.atomic():
            Tap.objects.filter(pk=tap.pk).delete()
            audit(actor, tap, "tap.delete", queue=tap.queue, reason=str(error))
            job_ask(RECONCILE_JOB)
        raise
    return tap, _grant(tap, secret)


def tap_secret_renew(*, actor: Viewer, tap: Tap) -> TapGrant:
    """Give a tap a new secret and close the connections of the old one. Raises `Forbidden` and `Unavailable`."""
    tap_owner_require(actor, tap.organization)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        # The repairing job waits for this lock, so that it never brings the old secret back.
        found = Tap.objects.select_for_update(of=("self",)).select_related("organization").filter(pk=tap.pk).first()
        if found is None:
            raise Conflict(_("This tap no longer exists."))
        found.secret_hash = secret_hash_of(secret)
        found.save(update_fields=["secret_hash"])
        audit(actor, found, "tap.renew", queue=found.queue)
        with TapBroker.open() as broker:
            broker.tap_ensure(found)
            broker.readers_disconnect(found.queue)
    return _grant(found, secret)


def tap_delete(*, actor: Viewer, tap: Tap) -> None:
    """Delete a tap with its queue, the events in it, and its login. Raises `Forbidden` and `BrokerUnreachable`.

    If the broker does not answer, the row is gone all the same, and a job keeps trying.
    """
    tap_owner_require(actor, tap.organization)
    with transaction.atomic():
        audit(actor, tap, "tap.delete", queue=tap.queue, taken=tap.taken, dropped=tap.dropped)
        Tap.objects.filter(pk=tap.pk).delete()
    try:
        with TapBroker.open() as broker:
            broker.tap_delete(tap.queue)
    except Unavailable as error:
        _log.warning("The tap %s could not be deleted on the broker: %s", tap.queue, error)
        job_ask(RECONCILE_JOB)
        raise BrokerUnreachable(
            _("%(name)s is deleted here, but the broker does not answer: its login works until the broker is back.")
            % {"name": tap.name}
        ) from error


def tap_bytes_most() -> int:
    """Bytes of events that one tap may hold on this server."""
    return max(int(settings.ROOST_TAP_BYTES), BYTES_LEAST)


def tap_owner_require(actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` for others than owners: a tap reads everything that happens at the organization's stations."""
    actor.require(Role.OWNER, organization=organization, to=_("change the taps of %(name)s"))


@transaction.atomic
def _row_add(actor: Viewer, organization: Organization, name: str, choice: TapChoice, secret: str) -> Tap:
    organization = organization_lock(organization)
    taps, most = Tap.objects.filter(organization=organization), settings.ROOST_TAPS_MOST
    if taps.count() >= most:
        raise TooMany(_("An organization has at most %(n)d taps: delete one first.") % {"n": most})
    name = " ".join(name.split())
    if not 0 < len(name) <= _NAME_MOST or not name.isprintable():
        raise InvalidInput(_("Enter a name of at most 80 characters."), field="name")
    if taps.filter(name=name).exists():
        raise InvalidInput(_("There is a tap of this name already."), field="name")
    bytes_most = tap_bytes_most()
    octets = min(BYTES, bytes_most) if choice.octets is None else choice.octets
    for field, value, least, limit in (
        ("messages", choice.messages, 1, MESSAGES_MOST),
        ("bytes", octets, BYTES_LEAST, bytes_most),
        ("hours", choice.hours, 1, HOURS_MOST),
    ):
        if not least <= value <= limit:
            raise InvalidInput(
                _("Enter a number from %(least)d to %(most)d.") % {"least": least, "most": limit}, field=field
            )
    tap = Tap(
        organization=organization,
        name=name,
        queue=routing.tap_name(secrets.token_hex(8)),
        secret_hash=secret_hash_of(secret),
        events=_events(choice.events),
        stations=_serials(organization, choice.serials),
        messages_most=choice.messages,
        bytes_most=octets,
        seconds_most=choice.hours * 3_600,
        added_at=clock.now(),
        added_by_name=actor.name[:150],
    )
    if len(tap_keys(tap)) > KEYS_MOST:
        raise InvalidInput(
            _("The number of stations times the number of events may be at most %(n)d: choose fewer stations, or all.")
            % {"n": KEYS_MOST},
            field="stations",
        )
    tap.save(force_insert=True)
    audit(actor, tap, "tap.add", queue=tap.queue, events=tap.events, stations=tap.stations)
    return tap


def _events(names: Sequence[str]) -> list[str]:
    if unknown := sorted(set(names) - EVENTS.keys()):
        raise InvalidInput(_("There is no event %(name)s.") % {"name": unknown[0][:80]}, field="events")
    chosen = [name for name in EVENTS if name in names]
    return [] if len(chosen) == len(EVENTS) else chosen


def _serials(organization: Organization, serials: Sequence[str]) -> list[str]:
    wanted = {serial.strip().upper(): serial.strip() for serial in serials if serial.strip()}
    if len(wanted) > KEYS_MOST:
        raise InvalidInput(_("Choose at most %(n)d stations, or all.") % {"n": KEYS_MOST}, field="stations")
    ours = Station.objects.filter(organization=organization, deleted_at=None, retired_at=None)
    known = dict(ours.annotate(upper=Upper("serial")).filter(upper__in=list(wanted)).values_list("upper", "serial"))
    if unknown := sorted(wanted.keys() - known.keys()):
        raise InvalidInput(
            _("%(name)s has no station %(serial)s.") % {"name": organization.name, "serial": wanted[unknown[0]][:80]},
            field="stations",
        )
    return sorted(known.values())


def _grant(tap: Tap, secret: str) -> TapGrant:
    return TapGrant(
        host=settings.ROOST_STATION_AMQP_HOST,
        port=settings.ROOST_STATION_AMQP_PORT,
        tls=settings.ROOST_STATION_AMQP_TLS,
        vhost=settings.ROOST_FLEET_VHOST,
        queue=tap.queue,
        secret=secret,
        ca_pem=broker_ca_pem(),
    )
