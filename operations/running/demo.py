"""The demo fleet: an organization with stations enrolled like any other, and the behaviour of each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from django.contrib.auth.models import User

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.deployments.models import Deployment, Site
from fleet.organizations.access import Viewer, viewer_of_server
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_get
from fleet.organizations.services import organization_create
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Station
from fleet.stations.services import station_register
from operations.preparation import ADMIN
from operations.running.demo_plan import BEHAVIOURS, PLACES, demo_serial

ORGANIZATION = "Demo Bird Observatory"


def fleet_write(path: Path, *, stations: int) -> None:
    """Enrol the demo's stations and write the simulator's file for them."""
    actor = viewer_of_server("demo")
    organization = demo_organization()
    fleet: list[dict[str, object]] = []
    for number in range(stations):
        station = demo_station(actor, organization, number)
        token = enrolment_token_create(station=station, actor=actor)
        grant = station_enrol(serial=station.serial, token=token, hardware={"model": "simulated"})
        behaviour = BEHAVIOURS[number % len(BEHAVIOURS)]
        fleet.append({"serial": station.serial, "amqp": asdict(grant), "behaviour": behaviour})
    path.touch(mode=0o600)
    path.write_text(json.dumps(fleet))


def demo_organization() -> Organization:
    """The demo's organization, owned by the first administrator."""
    try:
        return organization_get(name=ORGANIZATION)
    except NotFound:
        return organization_create(name=ORGANIZATION, owner=User.objects.filter(username=ADMIN).first())


def demo_station(actor: Viewer, organization: Organization, number: int) -> Station:
    """The demo's nth station at its place, registered if it is new."""
    serial = demo_serial(number)
    known = Station.objects.filter(serial=serial).first()
    if known is not None:
        return known
    place, latitude, longitude = PLACES[number % len(PLACES)]
    turn = number // len(PLACES)
    name = f"{place} {turn + 1}" if turn else place
    station = station_register(actor=actor, organization=organization, serial=serial, name=name)
    site, _ = Site.objects.get_or_create(
        organization=organization,
        name=place,
        defaults={"latitude": latitude, "longitude": longitude, "timezone": "America/Toronto"},
    )
    Deployment.objects.create(station=station, site=site, period=(clock.now(), None))
    return station
