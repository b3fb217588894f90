"""Asking stations for another pace: by a person, or by Roost itself when it cannot keep up.

calm ──backlog over ROOST_PACE_BACKLOG, or a broker's alarm──▶ congested: connected stations are asked
▲                                                                │   ▲
└──────────── a tenth of the backlog left, and no alarm ◀────────┤   │ each again when what was asked of it has ended,
                                                                 └───┘ and those that had no turn yet
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, FloatField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Extract, Greatest

from fleet.commands.errors import CommandNotAllowed, StationRetired, TooManyWaiting
from fleet.commands.models import Command, Congestion
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.locks import session_lock
from fleet.organizations.access import Role, Viewer, viewer_of_server
from fleet.organizations.errors import NotAllowed
from fleet.organizations.models import Organization
from fleet.stations.data_use import month_of
from fleet.stations.logins.broker import BrokerAccess, BrokerLoad
from fleet.stations.models import Station, StationDataUse
from message_queue.contracts.commands.pace import COMMAND
from message_queue.topology import COMMANDS_WAITING_MOST

_log = logging.getLogger(__name__)

#: What Roost asks for by itself: a quarter of the traffic, reconnects over five minutes, for a quarter of an hour.
RELIEF: dict[str, Any] = {"slowdown": 4, "spread": 300, "for_s": 900}
#: A station that is not there now needs no slowing down, and must not find the wish when it comes back.
HEARD_WITHIN = timedelta(minutes=15)
LIFE_S = 300
#: A rate is taken over at least so long; the first messages of a month are no rate.
RATE_OVER_S = 3_600.0
#: Stations that one look asks; the next look asks the next ones.
ASKED_MOST = 1_000
#: Share of the limit under which it is over.
CALM = 0.1


def pace_ask(
    *, viewer: Viewer, stations: Iterable[Station], parameters: dict[str, Any], expires_in: int | None = None
) -> int:
    """Send `pace` to these stations; return how many were asked. Those that cannot take it are left out."""
    asked = 0
    for station in stations:
        try:
            command_issue(
                viewer=viewer, station=station, name=COMMAND.name, parameters=parameters, expires_in=expires_in
            )
        except (TooManyWaiting, StationRetired, CommandNotAllowed) as error:
            _log.info("%s was not asked for another pace: %s", station.serial, error)
        else:
            asked += 1
    return asked


@dataclass(frozen=True, slots=True)
class PaceAsked:
    """How many connected stations were asked, and how many were not: beyond `ASKED_MOST`, or they cannot take it."""

    asked: int
    left: int


def organization_pace_ask(*, viewer: Viewer, organization: Organization, parameters: dict[str, Any]) -> PaceAsked:
    """Send `pace` to the connected stations of an organization, those first that send most. Raises `NotAllowed`."""
    pace_operator_require(viewer, organization)
    connected = stations_connected(clock.now()).filter(organization=organization)
    asked = pace_ask(viewer=viewer, stations=connected[:ASKED_MOST], parameters=parameters)
    return PaceAsked(asked, max(connected.count() - asked, 0))


def pace_operator_require(viewer: Viewer, organization: Organization) -> None:
    """Raises `NotAllowed` for whoever may not act on the stations of this organization."""
    if not viewer.may(Role.OPERATOR, organization.pk):
        raise NotAllowed("Asking stations for another pace takes the role operator.")


def stations_connected(moment: datetime) -> QuerySet[Station]:
    """Stations heard from lately whose agent knows `pace`, those first that send most messages a second this month.

    Where none of this month is counted yet, those with the shortest rhythm come first.
    """
    seconds = Greatest(Extract(Value(moment) - F("first_at"), "epoch"), Value(RATE_OVER_S), output_field=FloatField())
    metered = StationDataUse.objects.filter(station=OuterRef("pk"), month=month_of(moment).date())
    rate = metered.annotate(rate=Cast("messages", FloatField()) / seconds).values("rate")
    return Station.objects.filter(
        retired_at=None,
        contact__last_contact_at__gt=moment - HEARD_WITHIN,
        contact__hello__commands__contains=[COMMAND.name],
    ).order_by(Subquery(rate).desc(nulls_last=True), "contact__announced_interval_s", "pk")


def stations_unasked(moment: datetime) -> QuerySet[Station]:
    """Connected stations that nobody has asked for a pace within the time for which Roost asks, and that have room."""
    since = moment - timedelta(seconds=RELIEF["for_s"])
    asked = Command.objects.filter(station=OuterRef("pk"), name=COMMAND.name, issued_at__gt=since)
    waiting = Command.objects.filter(state__in=Command.OPEN).values("station").annotate(waiting=Count("pk"))
    full = waiting.filter(waiting__gte=COMMANDS_WAITING_MOST).values("station")
    return stations_connected(moment).filter(~Exists(asked)).exclude(pk__in=full)


def congestion_watch(*, moment: datetime, load: BrokerLoad | None = None) -> Congestion | None:
    """Notice a congestion or its end, and ask for relief; return the one that is open. Raises `BrokerUnreachable`."""
    if load is None:
        with BrokerAccess.open() as broker:
            load = broker.load()
    opened = Congestion.objects.filter(ended_at=None).first() or _congestion_begin(moment, load)
    if opened is None:
        return None
    if not load.has_alarm and load.waiting < CALM * settings.ROOST_PACE_BACKLOG:
        Congestion.objects.filter(id=opened.id, ended_at=None).update(ended_at=moment)
        _log.info("Ingest keeps up again: %s messages wait.", load.waiting)
        return None
    with session_lock("commands.relief") as is_ours:
        # Asking a thousand stations may outlast the time to the next look, which leaves it to this one.
        asked = _relief_ask(moment) if is_ours else 0
    if asked:
        Congestion.objects.filter(id=opened.id).update(asked=F("asked") + asked)
        opened.asked += asked
        _log.warning(
            "%s messages wait for ingest (%s); %s stations were asked to slow down.", load.waiting, opened.cause, asked
        )
    return opened


def _relief_ask(moment: datetime) -> int:
    stations = stations_unasked(moment)[:ASKED_MOST]
    return pace_ask(viewer=viewer_of_server("Roost"), stations=stations, parameters=RELIEF, expires_in=LIFE_S)


def _congestion_begin(moment: datetime, load: BrokerLoad) -> Congestion | None:
    if load.waiting < settings.ROOST_PACE_BACKLOG and not load.has_alarm:
        return None
    try:
        with transaction.atomic():
            return Congestion.objects.create(
                cause="alarm" if load.has_alarm else "backlog", waiting=load.waiting, started_at=moment
            )
    except IntegrityError:
        # Another look was faster, and asks.
        return None
