"""Enrols stations with the server's own services and prints their logins; run with the environment of a rig."""

import json
import sys
from dataclasses import asdict

import django

django.setup(set_prefix=False)

from fleet.organizations.access import viewer_of_server  # noqa: E402 - Django first
from fleet.organizations.selectors import organization_list  # noqa: E402
from fleet.organizations.services import organization_create  # noqa: E402
from fleet.stations.enrolment import enrolment_token_create, station_enrol  # noqa: E402
from fleet.stations.services import station_register  # noqa: E402


def main(serials: list[str]) -> None:
    """Register and enrol each serial."""
    actor = viewer_of_server("fault rig")
    organization = organization_list(viewer=actor).first() or organization_create(name="Fault rig", owner=None)
    grants = []
    for serial in serials:
        station = station_register(actor=actor, organization=organization, serial=serial)
        token = enrolment_token_create(station=station, actor=actor)
        grants.append({"serial": serial} | asdict(station_enrol(serial=serial, token=token, hardware={})))
    print(json.dumps(grants))


if __name__ == "__main__":
    main(sys.argv[1:])
