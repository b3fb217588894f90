"""Issues commands through the server's own service, one after another; run with a rig's environment."""

import sys
from datetime import timedelta

import django

django.setup(set_prefix=False)

from fleet.commands.models import Command  # noqa: E402 - Django first
from fleet.commands.services import command_issue  # noqa: E402
from fleet.organizations.access import viewer_of_server  # noqa: E402
from fleet.stations.selectors import station_get  # noqa: E402


def main(serial: str, names: list[str]) -> None:
    """Issue the commands as a page does."""
    viewer = viewer_of_server("fault rig")
    station = station_get(viewer=viewer, serial=serial)
    for name in names:
        issued = command_issue(viewer=viewer, station=station, name=name, parameters={})
        # Spread them over days, because only a few dangerous commands are allowed in an hour.
        Command.objects.filter(pk=issued.pk).update(issued_at=issued.issued_at - timedelta(days=1))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
