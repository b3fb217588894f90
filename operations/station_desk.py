"""What `./roost station` does: one call of the domain for each word, its answer made plain."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.organizations.access import Viewer, viewer_of_server
from fleet.organizations.models import Organization
from fleet.organizations.services import organization_create
from fleet.stations.models import EnrolmentToken, Station, StationContact
from fleet.stations.selectors import credential_list, station_get, station_list
from fleet.stations.sentences import state_shown
from fleet.stations.services import enrolment_token_create, station_register, station_revoke
from operations.preparation import ADMIN


class Added(TypedDict):
    """What the person at the station needs."""

    serial: str
    organization: str
    token: str
    expires_at: str
    server: str
    command: str


class Listed(TypedDict):
    """One line of the list."""

    serial: str
    name: str
    organization: str
    state: str
    last_contact_at: str | None


class Login(TypedDict):
    """One generation of a station's broker login."""

    generation: int
    username: str
    issued_at: str
    revoked_at: str | None


class Shown(Listed):
    """A station with its logins."""

    registered_at: str
    retired_at: str | None
    logins: list[Login]


class Revoked(TypedDict):
    """How many logins a revocation ended."""

    serial: str
    logins_ended: int


def us() -> Viewer:
    """Whoever may run this command may see and do all; the audit log says that it was done here."""
    return viewer_of_server("command line")


def station_add(*, serial: str, organization: str, name: str, server: str) -> Added:
    """Register the station if it is new, and make a token for its enrolment."""
    owning = organization_named(organization)
    known = Station.objects.filter(serial=serial, organization=owning).first()
    station = known or station_register(actor=us(), organization=owning, serial=serial, name=name)
    token = enrolment_token_create(station=station, actor=us())
    expires_at = EnrolmentToken.objects.filter(station=station).latest("created_at").expires_at
    return {
        "serial": station.serial,
        "organization": owning.name,
        "token": token,
        "expires_at": expires_at.isoformat(),
        "server": server,
        "command": f"station-agent enrol --server {server} --token {token}",
    }


def organization_named(name: str) -> Organization:
    """The organization of that name; made, and given to the first administrator, when there is none."""
    found = Organization.objects.filter(name__iexact=name.strip()).first()
    return found or organization_create(name=name, owner=User.objects.filter(username=ADMIN).first())


def stations_list(*, organization: str) -> list[Listed]:
    """The stations, those that want somebody first."""
    stations = station_list(viewer=us())
    if organization:
        stations = stations.filter(organization__name__iexact=organization)
        if not Organization.objects.filter(name__iexact=organization).exists():
            raise NotFound(f"There is no organization {organization!r}.")
    return [listed(station) for station in stations]


def station_show(*, serial: str) -> Shown:
    """One station with the generations of its login."""
    station = station_get(viewer=us(), serial=serial)
    return {
        **listed(station),
        "registered_at": station.registered_at.isoformat(),
        "retired_at": moment_text(station.retired_at),
        "logins": [
            {
                "generation": login.generation,
                "username": login.username,
                "issued_at": login.issued_at.isoformat(),
                "revoked_at": moment_text(login.revoked_at),
            }
            for login in credential_list(station=station)
        ],
    }


def station_end_logins(*, serial: str) -> Revoked:
    """Revoke every login of a station; its live connection closes at once."""
    station = station_get(viewer=us(), serial=serial)
    return {"serial": station.serial, "logins_ended": station_revoke(station=station, actor=us())}


def listed(station: Station) -> Listed:
    """A station as one line."""
    contact = contact_of(station)
    return {
        "serial": station.serial,
        "name": station.name,
        "organization": station.organization.name,
        "state": state_shown(station, contact, clock.now()),
        "last_contact_at": moment_text(contact.last_contact_at if contact else None),
    }


def contact_of(station: Station) -> StationContact | None:
    """The contact of a station; one that was registered by hand may have none yet."""
    try:
        return station.contact
    except ObjectDoesNotExist:
        return None


def moment_text(moment: datetime | None) -> str | None:
    """A moment as text, or nothing."""
    return moment.isoformat() if moment else None
