"""`manage station`: add, list, show and revoke stations, and make enrolment tokens."""

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from fleet.core import clock
from fleet.core.command_line import WordCommand
from fleet.core.errors import NotFound
from fleet.organizations.access import viewer_of_server
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_get
from fleet.organizations.services import organization_create
from fleet.stations.enrolment import enrolment_token_create, station_revoke
from fleet.stations.models import EnrolmentToken, Station
from fleet.stations.selectors import SHOWN_STATES, credential_list, station_get, station_list
from fleet.stations.sentences import station_shown
from fleet.stations.services import serial_warning, station_register

Options = dict[str, Any]


class Command(WordCommand):
    """Stations from the command line."""

    help = "Add, list, show and revoke stations."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """The words after `station`."""
        word = add("add", self.station_add, help="register a station and make its enrolment token")
        word.add_argument("serial", metavar="SERIAL", help="the serial of the device, as SG-7F5ERPI46977")
        word.add_argument("--organization", required=True, metavar="NAME", help="whose it is; made when it is new")
        word.add_argument("--name", default="", help="what people call it")
        word = add("token", self.station_token, help="make a new enrolment token; earlier ones end")
        word.add_argument("serial", metavar="SERIAL")
        word = add("list", self.station_list, help="list stations with their state")
        word.add_argument("--organization", default="", metavar="NAME", help="only of this organization")
        word.add_argument("--state", default="", choices=SHOWN_STATES, metavar="STATE", help="only in this state")
        word.add_argument("--search", default="", metavar="TEXT", help="part of serial, name or site")
        word = add("show", self.station_show, help="show one station")
        word.add_argument("serial", metavar="SERIAL")
        word = add("revoke", self.station_revoke, help="end a station's login; its live connection is closed")
        word.add_argument("serial", metavar="SERIAL")

    def station_add(self, options: Options) -> None:
        """Register, and make a token."""
        actor = viewer_of_server("command line")
        with transaction.atomic():
            organization, is_new = _organization(options["organization"])
            station = station_register(
                actor=actor, organization=organization, serial=options["serial"], name=options["name"]
            )
            token = enrolment_token_create(station=station, actor=actor)
        notes = [f"The organization {organization.name} is new."] if is_new else []
        notes += [warning] if (warning := serial_warning(station.serial)) else []
        self._token_print(station, token, notes, is_json=options["json"])

    def station_token(self, options: Options) -> None:
        """Make another token for a station that is known."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["serial"])
        token = enrolment_token_create(station=station, actor=actor)
        self._token_print(station, token, [], is_json=options["json"])

    def station_list(self, options: Options) -> None:
        """All stations, those in need first."""
        slug = organization_get(name=options["organization"]).slug if options["organization"] else ""
        found = station_list(
            viewer=viewer_of_server("command line"),
            organization=slug,
            state=options["state"],
            search=options["search"],
        )
        rows = [_row(station) for station in found]
        if options["json"]:
            self.data_print(rows)
            return
        self.table_print(
            ["STATE", "SERIAL", "NAME", "ORGANIZATION", "LAST CONTACT"],
            [[r["state"], r["serial"], r["name"], r["organization"], r["last_contact_at"] or "-"] for r in rows],
        )

    def station_show(self, options: Options) -> None:
        """One station with its logins."""
        station = station_get(viewer=viewer_of_server("command line"), serial=options["serial"])
        logins = [
            {"username": c.username, "issued_at": _iso(c.issued_at), "revoked_at": _iso(c.revoked_at)}
            for c in credential_list(station=station)
        ]
        row = {**_row(station), "registered_at": _iso(station.registered_at), "logins": logins}
        if options["json"]:
            self.data_print(row)
            return
        self.stdout.write(f"{station} of {station.organization.name}\n{row['sentence']}")
        for login in logins:
            end = f"revoked {login['revoked_at']}" if login["revoked_at"] else "works"
            self.stdout.write(f"login {login['username']}: issued {login['issued_at']}, {end}")

    def station_revoke(self, options: Options) -> None:
        """End the logins of a station."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["serial"])
        ended = station_revoke(station=station, actor=actor)
        if options["json"]:
            self.data_print({"serial": station.serial, "revoked": ended})
        elif ended:
            self.stdout.write(f"{station.serial} is revoked; a live connection of it was closed.")
        else:
            self.stdout.write(f"{station.serial} has no login that works; there was nothing to revoke.")

    def _token_print(self, station: Station, token: str, notes: list[str], *, is_json: bool) -> None:
        newest = EnrolmentToken.objects.filter(station=station).order_by("-id").first()
        if newest is None:
            raise CommandError("The token is gone: the station was deleted meanwhile.")
        command = f"station-agent enrol --server {settings.SITE_URL} --serial {station.serial} --token {token}"
        if is_json:
            self.data_print(
                {
                    "serial": station.serial,
                    "organization": station.organization.name,
                    "token": token,
                    "expires_at": _iso(newest.expires_at),
                    "server": settings.SITE_URL,
                    "command": command,
                    "notes": notes,
                }
            )
            return
        for note in notes:
            self.stdout.write(note)
        self.stdout.write(
            f"{station.serial} may enrol once until {newest.expires_at:%Y-%m-%d %H:%M} UTC. "
            f"Type at the station:\n\n  {command}\n\nThe token is not shown again."
        )


def _organization(name: str) -> tuple[Organization, bool]:
    try:
        return organization_get(name=name), False
    except NotFound:
        return organization_create(name=name, owner=None), True


def _row(station: Station) -> dict[str, Any]:
    contact = getattr(station, "contact", None)
    shown = station_shown(station, contact, clock.now())
    return {
        "serial": station.serial,
        "name": station.name,
        "organization": station.organization.name,
        "state": shown.state,
        "sentence": shown.sentence,
        "last_contact_at": _iso(contact.last_contact_at) if contact else None,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
