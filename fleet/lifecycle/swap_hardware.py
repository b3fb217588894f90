"""Answering the question about new hardware: the same station, or a new one. The incident that asks ends at once."""

from django.db import transaction

from fleet.alerts.rules import hardware_swap
from fleet.alerts.services import incident_close
from fleet.core import clock
from fleet.deployments.handover import deployments_end
from fleet.organizations.access import Viewer
from fleet.stations.life.hardware import pair_another, pair_same, swap_asked
from fleet.stations.models import HardwarePair, Station


@transaction.atomic
def swap_same(*, actor: Viewer, pair: HardwarePair) -> None:
    """Decide that it is the same station with other hardware; raises what `pair_same` raises."""
    pair_same(actor=actor, pair=pair)
    if swap_asked(station=pair.station) is None:
        _incident_end(pair.station)


@transaction.atomic
def swap_another(*, actor: Viewer, pair: HardwarePair) -> Station:
    """Make the current hardware a new station with the serial; raises what `pair_another` raises."""
    before = pair.station
    successor = pair_another(actor=actor, pair=pair)
    deployments_end(station=before, moment=clock.now())
    _incident_end(before)
    return successor


def _incident_end(station: Station) -> None:
    incident_close(station_id=station.pk, rule=hardware_swap.NAME, moment=clock.now(), is_told=False)
