"""Serials that differ only in case are the same. Of two such stations, one is archived, and the audit log says so.

Registration has long refused such pairs, but two requests at once could make one. The station heard most recently keeps
the serial. If both were heard lately, both may be real devices: then nothing is changed, and a sentence says what to do
first.
"""

import logging
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db import migrations, models
from django.db.models.functions import Upper
from django.utils import timezone

MARK = "~"
#: A station heard within this time counts as a device in use.
LATELY = timedelta(days=30)

_log = logging.getLogger("roost.stations")


def twins_set_aside(apps: Any, schema_editor: Any) -> None:
    """Leave one station of each serial; the others keep their data under an archived name."""
    stations = apps.get_model("stations", "Station").objects
    named = stations.annotate(capitals=Upper("serial"), heard=models.F("contact__last_contact_at"))
    several = named.values("capitals").annotate(bearers=models.Count("pk")).filter(bearers__gt=1)
    rows = named.filter(capitals__in=[row["capitals"] for row in several]).order_by("capitals", "pk")
    for capitals, bearers in groupby(rows, key=lambda row: row.capitals):
        _settle(apps, capitals, list(bearers))


def _settle(apps: Any, capitals: str, bearers: list[Any]) -> None:
    moment = timezone.now()
    in_service = [row for row in bearers if row.retired_at is None and row.deleted_at is None]
    in_use = [row for row in in_service if row.heard is not None and row.heard > moment - LATELY]
    if len(in_use) > 1:
        names = " and ".join(row.serial for row in in_use)
        raise RuntimeError(
            f"{names} differ only by case, and both were heard of within {LATELY.days} days. Roost now takes them for one "
            "station. Go back to the version before, retire the one that is not wanted (./roost station retire SERIAL), "
            "then update again."
        )
    keeper = max(bearers, key=lambda row: (row in in_service, row.heard is not None, row.heard or moment, -row.pk))
    for row in bearers:
        if row is not keeper:
            _set_aside(apps, row, keeper, capitals, moment)


def _set_aside(apps: Any, row: Any, keeper: Any, capitals: str, moment: Any) -> None:
    stations = apps.get_model("stations", "Station").objects
    base = capitals.partition(MARK)[0]
    taken = stations.filter(serial__istartswith=base + MARK).values_list("serial", flat=True)
    numbers = [int(last) for name in taken if (last := name.rpartition(MARK)[2]).isdecimal()]
    archived = f"{row.serial.partition(MARK)[0]}{MARK}{max(numbers, default=0) + 1}"
    stations.filter(pk=row.pk).update(serial=archived, retired_at=row.retired_at or moment)
    # The next reconciliation removes its login from the broker.
    apps.get_model("stations", "Credential").objects.filter(station_id=row.pk, revoked_at=None).update(
        revoked_at=moment
    )
    apps.get_model("stations", "EnrolmentToken").objects.filter(station_id=row.pk).update(
        expires_at=models.F("created_at")
    )
    apps.get_model("core", "AuditEntry").objects.create(
        at=moment,
        actor_name="Roost",
        organization_id=row.organization_id,
        action="station.set_aside",
        subject=row.serial,
        detail={"archived_as": archived, "keeps_the_serial": keeper.serial},
    )
    _log.warning(
        "%s and %s differ only by case: %s was heard of last and keeps the serial, the other is retired as %s with its data.",
        row.serial, keeper.serial, keeper.serial, archived,
    )  # fmt: skip


class Migration(migrations.Migration):
    """Archive the duplicates first, then add the constraint."""

    dependencies = [("stations", "0009_reports_have_a_bucket"), ("core", "0003_audit")]

    operations = [
        migrations.RunPython(twins_set_aside, migrations.RunPython.noop),
        migrations.AddConstraint(
            "station", models.UniqueConstraint(Upper("serial"), name="station_serial_once_whatever_its_case")
        ),
    ]
