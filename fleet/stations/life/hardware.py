"""The hardware behind a station's identity: pairs of board and card, and what a human says of a new one.

The serial follows the board or stands in a file on the card, so either can be swapped under it. Ingest writes each pair
down with the hello that names it; a pair that does not fit those known is asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import NotFound
from fleet.core.spoken import moment_words
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.stations.errors import PairDecided
from fleet.stations.life.succession import station_succeed
from fleet.stations.models import HardwarePair, Station

#: A station that says another card each time it starts fills no more than this.
PAIRS_MOST = 100
_TEXT_MOST = 128
State = HardwarePair.State

# Where one of two words is empty nobody can say that they differ.
_NOTE = """
INSERT INTO stations_hardwarepair (station_id, machine, card_key, model, state, first_seen_at, last_seen_at)
SELECT n.station_id, n.machine, n.card_key, n.model,
    CASE WHEN NOT EXISTS (SELECT 1 FROM stations_hardwarepair p WHERE p.station_id = n.station_id)
        OR EXISTS (
            SELECT 1 FROM stations_hardwarepair p WHERE p.station_id = n.station_id AND p.state IN ('known', 'same')
            AND (p.machine = n.machine OR p.machine = '' OR n.machine = '')
            AND (p.card_key = n.card_key OR p.card_key = '' OR n.card_key = '')
        ) THEN 'known' ELSE 'asked' END,
    %(moment)s, %(moment)s
FROM unnest(%(stations)s::bigint[], %(machines)s::text[], %(cards)s::text[], %(models)s::text[])
    AS n(station_id, machine, card_key, model)
WHERE (SELECT count(*) FROM stations_hardwarepair p WHERE p.station_id = n.station_id) < %(most)s
    OR EXISTS (
        SELECT 1 FROM stations_hardwarepair p
        WHERE p.station_id = n.station_id AND p.machine = n.machine AND p.card_key = n.card_key
    )
ON CONFLICT (station_id, machine, card_key)
DO UPDATE SET last_seen_at = excluded.last_seen_at, model = excluded.model
"""


@dataclass(frozen=True, slots=True)
class SaidHardware:
    """What a hello says of the machine that sent it."""

    station_id: int
    machine: str
    card_key: str
    model: str


def pairs_note(*, said: Sequence[SaidHardware], moment: datetime) -> None:
    """Write down which boards and cards spoke, in one statement; those that said neither are left out."""
    known = [one for one in said if one.machine or one.card_key]
    if not known:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "stations": [one.station_id for one in known],
                "machines": [one.machine[:_TEXT_MOST] for one in known],
                "cards": [one.card_key[:_TEXT_MOST] for one in known],
                "models": [one.model[:_TEXT_MOST] for one in known],
                "moment": moment,
                "most": PAIRS_MOST,
            },
        )


def pair_list(*, station: Station) -> QuerySet[HardwarePair]:
    """The pairs that spoke as this station, the newest word first."""
    return HardwarePair.objects.filter(station=station).select_related("decided_by").order_by("-last_seen_at", "-id")


def swap_asked(*, station: Station) -> HardwarePair | None:
    """The newest pair that a human has to say something about."""
    return HardwarePair.objects.filter(station=station, state=State.ASKED).order_by("-last_seen_at", "-id").first()


def pair_get(*, station: Station, pair_id: int) -> HardwarePair:
    """One pair of this station."""
    found = HardwarePair.objects.filter(station=station, pk=pair_id).first()
    if found is None:
        raise NotFound(_("No such hardware has spoken as %(serial)s.") % {"serial": station.serial})
    return found


def swap_sentence(*, pair: HardwarePair, moment: datetime) -> str:
    """What is another since when, in comparison with the pair before, and what to say."""
    earlier = HardwarePair.objects.filter(station=pair.station_id, first_seen_at__lt=pair.first_seen_at)
    before = earlier.exclude(pk=pair.pk).order_by("-last_seen_at").first()
    told = {"since": moment_words(pair.first_seen_at, moment)}
    if before is not None and before.machine == pair.machine:
        return _("Since %(since)s it speaks from another card in the same board. Is it the same station?") % told
    if before is not None and before.card_key == pair.card_key:
        return _("Since %(since)s it speaks from another board with the same card. Is it the same station?") % told
    return _("Since %(since)s another board with another card speaks as this station. Is it the same station?") % told


@transaction.atomic
def pair_same(*, actor: Viewer, pair: HardwarePair) -> None:
    """It is the same station with other hardware: history goes on. Raises `PairDecided`."""
    station = pair.station
    if not actor.may_station(Role.OPERATOR, station):
        raise _too_low(station)
    if not _asked(pair).update(state=State.SAME, decided_at=clock.now(), decided_by=actor.user):
        raise _decided(station)
    _audit(actor, station, "station.hardware_same", pair)


@transaction.atomic
def pair_another(*, actor: Viewer, pair: HardwarePair) -> Station:
    """It is a new station: it goes on under the serial and its login, the history up to now under an archived name.

    Raises `PairDecided`, also when another pair has spoken since: nobody knows then whose the login is.
    """
    # A key for this station alone would not reach the one that goes on.
    if not actor.may(Role.OPERATOR, pair.station.organization_id):
        raise _too_low(pair.station)
    station = Station.objects.select_for_update(of=("self",)).get(pk=pair.station_id)
    newest = pair_list(station=station).values_list("pk", flat=True).first()
    moment = clock.now()
    if newest != pair.pk or station.retired_at is not None:
        raise _decided(station)
    if not _asked(pair).update(state=State.ANOTHER, decided_at=moment, decided_by=actor.user):
        raise _decided(station)
    successor = station_succeed(
        station=station, organization=station.organization, moment=moment, since=moment, keeps_login=True
    )
    HardwarePair.objects.create(
        station=successor,
        machine=pair.machine,
        card_key=pair.card_key,
        model=pair.model,
        first_seen_at=pair.first_seen_at,
        last_seen_at=pair.last_seen_at,
    )
    _audit(actor, successor, "station.hardware_another", pair)
    return successor


def _asked(pair: HardwarePair) -> QuerySet[HardwarePair]:
    return HardwarePair.objects.filter(pk=pair.pk, state=State.ASKED)


def _too_low(station: Station) -> NotAllowed:
    return NotAllowed(_("Changing %(serial)s takes the role operator.") % {"serial": station.serial})


def _decided(station: Station) -> PairDecided:
    return PairDecided(
        _("Somebody has said what the hardware of %(serial)s is already, or other hardware speaks now. Look again.")
        % {"serial": station.serial}
    )


def _audit(actor: Viewer, station: Station, action: str, pair: HardwarePair) -> None:
    audit_write(
        actor=actor.user,
        organization_id=station.organization_id,
        action=action,
        subject=station.serial,
        detail={"machine": pair.machine, "card_key": pair.card_key, "by": actor.name},
    )
