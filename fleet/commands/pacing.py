"""Asking stations to change their pace: on a person's request, or by Roost itself when it cannot keep up.

calm ──backlog over ROOST_PACE_BACKLOG, or a broker's alarm──▶ congested: connected stations are asked
▲                                                                │   ▲
└──────── backlog below a tenth of the limit, and no alarm ◀─────┤   │ again when its last request has ended;
                                                                 └───┘ stations not asked yet get their turn
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
from django.utils.translation import gettext as _

from fleet.commands.models import Command, Congestion
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, TooMany
from fleet.core.locks import session_lock
from fleet.organizations.access import Role, Viewer, viewer_of_server
from fleet.organizations.models import Organization
from fleet.stations.data_use import month_of
from fleet.stations.logins.broker import BrokerAccess, BrokerLoad
from fleet.stations.models import Station, StationDataUse
from message_queue.contracts.commands.pace import COMMAND
from message_queue.topology import COMMANDS_WAITING_MOST

_log = logging.getLogger(__name__)

#: The pace that Roost itself asks for: a quarter of the traffic, reconnects spread over five minutes, for 15 minutes.
RELIEF: dict[str, Any] = {"slowdown": 4, "spread": 300, "for_s": 900}
#: A station that is offline needs no slowing down, and must not find the request when it comes back.
HEARD_WITHIN = timedelta(minutes=15)
LIFE_S = 300
#: A rate is computed over at least this long, because the first messages of a month say little about it.
RATE_OVER_S = 3_600.0
#: Maximum stations asked in one run; the next run asks the next ones.
ASKED_MOST = 1_000
#: A congestion ends when the backlog falls below this share of the limit.
CALM = 0.1


def pace_ask(
    *, viewer: Viewer, stations: Iterable[Station], parameters: dict[str, Any], expires_in: int | None = None
) -> int:
    """Send `pace` to these stations, skipping those that cannot take it; return how many were asked."""
    asked = 0
    for station in stations:
        try:
            command_issue(
                viewer=viewer, station=station, name=COMMAND.name, parameters=parameters, expires_in=expires_in
            )
        except (TooMany, Conflict, Forbidden) as error:
            _log.info("%s was not asked for another pace: %s", station.serial, error)
        else:
            asked += 1
    return asked


@dataclass(frozen=True, slots=True)
class PaceAsked:
    """Counts of connected stations: those asked, and those left out (beyond `ASKED_MOST`, or unable to take `pace`)."""

    asked: int
    left: int


def organization_pace_ask(*, viewer: Viewer, organization: Organization, parameters: dict[str, Any]) -> PaceAsked:
    """Send `pace` to an organization's connected stations, busiest first. Raises `Forbidden`."""
    pace_operator_require(viewer, organization)
    connected = stations_connected(clock.now()).filter(organization=organization)
    asked = pace_ask(viewer=viewer, stations=connected[:ASKED_MOST], parameters=parameters)
    return PaceAsked(asked, max(connected.count() - asked, 0))


def pace_operator_require(viewer: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` unless the viewer may operate this organization's stations."""
    viewer.require(Role.OPERATOR, organization=organization, to=_("change the pace of stations"))


def stations_connected(moment: datetime) -> QuerySet[Station]:
    """Recently heard stations whose agent knows `pace`, ordered by messages per second this month, highest first.

    Stations without a count for this month come last, those with the shortest interval first.
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
    """Connected stations with room for a command that got no `pace` within the last `RELIEF["for_s"]` seconds."""
    since = moment - timedelta(seconds=RELIEF["for_s"])
    asked = Command.objects.filter(station=OuterRef("pk"), name=COMMAND.name, issued_at__gt=since)
    waiting = Command.objects.filter(state__in=Command.OPEN).values("station").annotate(waiting=Count("pk"))
    full = waiting.filter(waiting__gte=COMMANDS_WAITING_MOST).values("station")
    return stations_connected(moment).filter(~Exists(asked)).exclude(pk__in=full)


def congestion_watch(*, moment: datetime, load: BrokerLoad | None = None) -> Congestion | None:
    """Open or end a congestion and ask for relief; return the open one. Raises `BrokerUnreachable`."""
    if load is None:
        with BrokerAccess.open() as broker:
            load = broker.load()
    opened = Congestion.objects.filter(ended_at=None).first() or _begin_congestion(moment, load)
    if opened is None:
        return None
    if not load.has_alarm and load.waiting < CALM * settings.ROOST_PACE_BACKLOG:
        Congestion.objects.filter(id=opened.id, ended_at=None).update(ended_at=moment)
        _log.info("Ingest keeps up again: %s messages wait.", load.waiting)
        return None
    with session_lock("commands.relief") as is_ours:
        # Asking a thousand stations may take longer than the interval between runs; the next run then asks nobody.
        asked = _ask_for_relief(moment) if is_ours else 0
    if asked:
        Congestion.objects.filter(id=opened.id).update(asked=F("asked") + asked)
        opened.asked += asked
        _log.warning(
            "%s messages wait for ingest (%s); %s stations were asked to slow down.", load.waiting, opened.cause, asked
        )
    return opened


def _ask_for_relief(moment: datetime) -> int:
    stations = stations_unasked(moment)[:ASKED_MOST]
    return pace_ask(viewer=viewer_of_server("Roost"), stations=stations, parameters=RELIEF, expires_in=LIFE_S)


def _begin_congestion(moment: datetime, load: BrokerLoad) -> Congestion | None:
    if load.waiting < settings.ROOST_PACE_BACKLOG and not load.has_alarm:
        return None
    try:
        with transaction.atomic():
            return Congestion.objects.create(
                cause="alarm" if load.has_alarm else "backlog", waiting=load.waiting, started_at=moment
            )
    except IntegrityError:
        # Another run was faster and asks the stations.
        return None
