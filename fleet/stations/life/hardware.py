"""The hardware behind a station's identity: pairs of board and card, and people's decisions about new pairs.

The serial belongs to the board or is in a file on the card, so either can be swapped. Ingest records each pair from the
hello that names it; a pair that does not fit the known ones needs a person's decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, NotFound
from fleet.core.spoken import moment_words
from fleet.organizations.access import Role, Viewer
from fleet.stations.life.succession import station_succeed
from fleet.stations.models import HardwarePair, Station

#: Maximum pairs per station, for one that reports a different card after every start.
PAIRS_MOST = 100
_TEXT_MOST = 128
State = HardwarePair.State

# An empty value fits any other: nobody can say that the two differ.
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
    """The hardware that a hello reports."""

    station_id: int
    machine: str
    card_key: str
    model: str


def pairs_note(*, said: Sequence[SaidHardware], moment: datetime) -> None:
    """Record boards and cards as reported, in one statement; reports with neither are skipped."""
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
    """The station's pairs, most recently seen first."""
    return HardwarePair.objects.filter(station=station).select_related("decided_by").order_by("-last_seen_at", "-id")


def swap_asked(*, station: Station) -> HardwarePair | None:
    """The newest pair that needs a person's decision; None if there is none."""
    return HardwarePair.objects.filter(station=station, state=State.ASKED).order_by("-last_seen_at", "-id").first()


def pair_get(*, station: Station, pair_id: int) -> HardwarePair:
    """One pair of this station. Raises `NotFound`."""
    found = HardwarePair.objects.filter(station=station, pk=pair_id).first()
    if found is None:
        raise NotFound(_("%(serial)s has never reported such hardware.") % {"serial": station.serial})
    return found


def swap_sentence(*, pair: HardwarePair, moment: datetime) -> str:
    """A sentence: which parts changed since the pair before, since when, and the question to answer."""
    earlier = HardwarePair.objects.filter(station=pair.station_id, first_seen_at__lt=pair.first_seen_at)
    before = earlier.exclude(pk=pair.pk).order_by("-last_seen_at").first()
    told = {"since": moment_words(pair.first_seen_at, moment)}
    if before is not None and before.machine == pair.machine:
        return _("Since %(since)s it has been using a different card in the same board. Is it the same station?") % told
    if before is not None and before.card_key == pair.card_key:
        return (
            _("Since %(since)s it has been using a different board with the same card. Is it the same station?") % told
        )
    return (
        _(
            "Since %(since)s a different board with a different card has been sending as this station. Is it the same "
            "station?"
        )
        % told
    )


@transaction.atomic
def pair_same(*, actor: Viewer, pair: HardwarePair) -> None:
    """Decide that it is the same station with other hardware: its history continues. Raises `Conflict`."""
    station = pair.station
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    if not _open_pair(pair).update(state=State.SAME, decided_at=clock.now(), decided_by=actor.user):
        raise _decided_refusal(station)
    audit(actor, station, "station.hardware_same", machine=pair.machine, card_key=pair.card_key)


@transaction.atomic
def pair_another(*, actor: Viewer, pair: HardwarePair) -> Station:
    """Decide that it is a new station: it keeps serial and login; the history so far goes to an archived name.

    Raises `Conflict`, also if another pair has been seen since: then nobody knows whose login it is.
    """
    # A key limited to this station would not reach its successor.
    old = pair.station
    actor.require(Role.OPERATOR, organization=old.organization_id, to=_("change %(serial)s"), serial=old.serial)
    station = Station.objects.select_for_update(of=("self",)).get(pk=pair.station_id)
    newest = pair_list(station=station).values_list("pk", flat=True).first()
    moment = clock.now()
    if newest != pair.pk or station.retired_at is not None:
        raise _decided_refusal(station)
    if not _open_pair(pair).update(state=State.ANOTHER, decided_at=moment, decided_by=actor.user):
        raise _decided_refusal(station)
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
    audit(actor, successor, "station.hardware_another", machine=pair.machine, card_key=pair.card_key)
    return successor


def _open_pair(pair: HardwarePair) -> QuerySet[HardwarePair]:
    return HardwarePair.objects.filter(pk=pair.pk, state=State.ASKED)


def _decided_refusal(station: Station) -> Conflict:
    return Conflict(
        _("Somebody has already said what the hardware of %(serial)s is, or it has changed again. Reload and check.")
        % {"serial": station.serial}
    )
