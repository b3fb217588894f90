"""Declaring new hardware a new station: the old one's history and its deployment end together."""

from django.db import transaction

from fleet.core import clock
from fleet.deployments.handover import deployments_end
from fleet.organizations.access import Viewer
from fleet.stations.life.hardware import pair_another
from fleet.stations.models import HardwarePair, Station


@transaction.atomic
def swap_another(*, actor: Viewer, pair: HardwarePair) -> Station:
    """Make the current hardware a new station with the serial; raises what `pair_another` raises."""
    before = pair.station
    successor = pair_another(actor=actor, pair=pair)
    deployments_end(station=before, moment=clock.now())
    return successor
