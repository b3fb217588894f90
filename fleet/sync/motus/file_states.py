"""States of a station's files at Motus, for pages that follow a file on its way."""

from collections.abc import Collection

from fleet.stations.models import Station
from fleet.sync.models import MotusUpload
from fleet.sync.motus.archive import day_of


def motus_states(*, station: Station, names: Collection[str]) -> dict[str, tuple[str, str]]:
    """For each file name in an archive for Motus: its state, and why the file is left out or what Motus said."""
    days = {day for name in names if (day := day_of(name)) is not None}
    if not days:
        return {}
    rows = MotusUpload.objects.filter(
        account__organization_id=station.organization_id, serial=station.serial, day__in=days
    )
    asked = set(names)
    return {
        file["name"]: (row.state, file.get("refusal", "") or file.get("said", ""))
        for row in rows.order_by("pk")
        for file in row.files
        if file.get("name") in asked
    }
