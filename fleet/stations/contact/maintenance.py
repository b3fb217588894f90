"""Maintenance that ends by itself at the moment somebody set for it."""

from datetime import datetime

from django.db import transaction

from fleet.core.audit import audit
from fleet.stations.models import Station


@transaction.atomic
def maintenance_sweep(moment: datetime) -> int:
    """End every maintenance whose time has come, and write it to the audit log; return how many ended."""
    due = Station.objects.filter(is_in_maintenance=True, maintenance_until__lte=moment)
    ended = 0
    for station in due.order_by("pk"):
        if due.filter(pk=station.pk).update(is_in_maintenance=False, maintenance_until=None):
            audit(None, station, "station.maintenance_over")
            ended += 1
    return ended
