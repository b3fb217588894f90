"""Enrols stations, or desks for them, with the server's own services and prints the logins; run with a rig's
environment.
"""

import json
import sys
from dataclasses import asdict

import django

django.setup(set_prefix=False)

from fleet.organizations.access import viewer_of_server  # noqa: E402 - Django first
from fleet.organizations.selectors import organization_list  # noqa: E402
from fleet.organizations.services import organization_create  # noqa: E402
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol  # noqa: E402
from fleet.stations.models import LoginPurpose, Station  # noqa: E402
from fleet.stations.services import station_register  # noqa: E402


def main(serials: list[str]) -> None:
    """Register and enrol each serial; after `--for-upload`, enrol a desk for each, which must be registered."""
    actor = viewer_of_server("fault rig")
    organization = organization_list(viewer=actor).first() or organization_create(name="Fault rig", owner=None)
    grants = []
    is_upload = serials[0] == "--for-upload"
    purpose = LoginPurpose.UPLOAD if is_upload else LoginPurpose.STATION
    for serial in serials[is_upload:]:
        station = (
            Station.objects.get(serial=serial)
            if is_upload
            else station_register(actor=actor, organization=organization, serial=serial)
        )
        token = enrolment_token_create(station=station, actor=actor, purpose=purpose)
        grant = station_enrol(serial=serial, token=token, hardware={}, purpose=purpose)
        grants.append({"serial": serial} | asdict(grant))
    print(json.dumps(grants))


if __name__ == "__main__":
    main(sys.argv[1:])
