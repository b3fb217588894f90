"""The demo fleet: an organization with stations enrolled like any other, and its removal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User

from fleet.alerts.models import Destination
from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.models import Deployment, Site
from fleet.deployments.services import deployment_begin
from fleet.lifecycle.erase_station import station_delete, stations_erase
from fleet.lifecycle.purge_organization import organizations_end
from fleet.organizations.access import viewer_of_server
from fleet.organizations.deletion import GRACE
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_get
from fleet.organizations.services import organization_create
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Credential, Station
from fleet.stations.services import station_register
from operations.errors import OperationsError
from operations.preparation import ADMIN
from operations.running.clock_set import clock_set
from operations.running.demo_history import PastStation, history_fill
from operations.running.demo_plan import (
    HISTORY_DAYS,
    ORGANIZATION,
    SEED,
    TIMEZONE,
    WITH_HISTORY_MOST,
    demo_behaviour,
    demo_name,
    demo_place,
    demo_serial,
)
from station_agent.simulator.season import Place, Season

#: Behaviours that only affect the past: these stations are normal now.
_NORMAL_NOW = ("behind", "nightly")
#: Seconds to erase in the foreground; after that, Roost's own jobs erase the rest.
_ERASE_MOST_S = 300.0
#: Boot counts start here, above those in the past.
_BOOTS_BEFORE = 3
_ANTENNAS = (
    AntennaSaid(1, "yagi-9", 20.0, 8.0, 166.38, "LMR-400 10 m"),
    AntennaSaid(2, "yagi-9", 140.0, 8.0, 166.38, "LMR-400 10 m"),
    AntennaSaid(3, "yagi-9", 260.0, 8.0, 166.38, "LMR-400 12 m"),
    AntennaSaid(4, "omni", None, 6.0, 434.0, "LMR-240 6 m"),
)

Say = Callable[[str], None]


def fleet_write(path: Path, *, stations: int) -> None:
    """Enrol stations, and write the file that makes the simulator send separate traffic for each from now on."""
    organization = demo_organization()
    made = [_station(organization, number) for number in range(stations)]
    _write(path, [_entry(station, number) for number, station in enumerate(made)])


def demo_fleet_write(path: Path, *, stations: int, say: Say, is_hushed: bool = False) -> None:
    """Like `fleet_write`, for a demo: the stations share one season, and the first ones get a past if they have none.

    With `is_hushed`, nobody gets mails about them.
    """
    moment = clock.now()
    with clock_set(moment - timedelta(days=HISTORY_DAYS)):
        organization = demo_organization()
        made = [_station(organization, number) for number in range(stations)]
        for bare in Deployment.objects.filter(station__in=made, antennas=None).select_related("station", "site"):
            antennas_set(deployment=bare, actor=viewer_of_server("demo"), antennas=_ANTENNAS)
    if is_hushed:
        Destination.objects.filter(membership__organization=organization).update(is_on=False)
    # End the maintenance that remains if a demo was killed while it filled in the past.
    Station.objects.filter(pk__in=[station.pk for station in made]).update(is_in_maintenance=False)
    places = [Place(demo_serial(n), demo_place(n).latitude, demo_place(n).longitude) for n in range(stations)]
    past = [
        PastStation(station, demo_behaviour(number))
        for number, station in enumerate(made[:WITH_HISTORY_MOST])
        if not Station.objects.filter(pk=station.pk, contact__last_contact_at__isnull=False).exists()
    ]
    if past:
        history_fill(past, season=Season(places, seed=SEED), until=moment, say=say)
    entries = []
    for number, (station, place) in enumerate(zip(made, places, strict=True)):
        entry = _entry(station, number) | {"latitude": place.latitude, "longitude": place.longitude}
        # A station that fell silent in the past stays silent.
        has_past = number < WITH_HISTORY_MOST
        entries.append(entry | {"stopped": has_past and entry["behaviour"] == "silent"})
    _write(path, entries)


def demo_organization() -> Organization:
    """The demo's organization, owned by the first administrator."""
    try:
        return organization_get(name=ORGANIZATION)
    except NotFound:
        made = organization_create(name=ORGANIZATION, owner=User.objects.filter(username=ADMIN).first())
        Organization.objects.filter(pk=made.pk).update(timezone=TIMEZONE)
        return made


def demo_remove(*, say: Say) -> int:
    """Delete the demo's organization, its stations and all their data; return how many stations it had."""
    try:
        organization = organization_get(name=ORGANIZATION)
    except NotFound:
        return 0
    actor = viewer_of_server("demo")
    stations = list(Station.objects.filter(organization=organization, deleted_at=None).order_by("pk"))
    known = {demo_serial(number) for number in range(max(len(stations), WITH_HISTORY_MOST) * 2)}
    others = [station.serial for station in stations if station.serial not in known]
    if others:
        raise OperationsError(
            f"{ORGANIZATION} also has stations that the demo did not add, such as {others[0]}: "
            "move or delete them first."
        )
    for station in stations:
        station_delete(actor=actor, station=station, typed=station.serial)
    say("erasing what the stations sent")
    # Nobody needs this data, so skip the 30 days in which owners can restore a deleted organization.
    Organization.objects.filter(pk=organization.pk).update(deleted_at=clock.now() - GRACE)
    end = time.monotonic() + _ERASE_MOST_S
    # A job of the running Roost may be erasing it too, and only one process erases at a time.
    while Organization.objects.filter(pk=organization.pk).exists() and time.monotonic() < end:
        if not stations_erase():
            organizations_end()
            time.sleep(0.2)
    return len(stations)


def _station(organization: Organization, number: int) -> Station:
    """The demo's nth station at its place, registered if it is new."""
    serial = demo_serial(number)
    known = Station.objects.filter(serial=serial, deleted_at=None).first()
    if known is not None:
        return known
    actor, place = viewer_of_server("demo"), demo_place(number)
    station = station_register(actor=actor, organization=organization, serial=serial, name=demo_name(number))
    site, _ = Site.objects.get_or_create(
        organization=organization,
        name=place.name,
        defaults={"latitude": place.latitude, "longitude": place.longitude, "timezone": TIMEZONE},
    )
    deployment_begin(station=station, site=site, actor=actor)
    return station


def _entry(station: Station, number: int) -> dict[str, object]:
    """A fresh login and the behaviour of one station, as the simulator reads them."""
    token = enrolment_token_create(station=station, actor=viewer_of_server("demo"))
    grant = station_enrol(serial=station.serial, token=token, hardware={"model": "simulated"})
    behaviour = demo_behaviour(number)
    return {
        "serial": station.serial,
        "amqp": asdict(grant),
        "behaviour": "normal" if behaviour in _NORMAL_NOW else behaviour,
        # Every start is a new boot.
        "boot_count": _BOOTS_BEFORE + Credential.objects.filter(station=station).count(),
    }


def _write(path: Path, entries: list[dict[str, object]]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(entries))
