"""`manage station`: add, claim, list, move, retire and delete stations, and manage their logins and tokens.

It is here and not in the domain's station package, because a list of stations also names their sites.
"""

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.command_line import REFUSED, WordCommand
from fleet.core.csv_file import cell_guarded
from fleet.core.errors import InvalidInput, NotFound
from fleet.deployments.station_import import ImportReport, station_import
from fleet.lifecycle.erase_station import station_delete
from fleet.lifecycle.move_station import station_move
from fleet.organizations.access import viewer_of_server
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_get
from fleet.organizations.services import organization_create
from fleet.stations.contact.sentences import station_shown
from fleet.stations.joining.claims import claim_take
from fleet.stations.logins.enrolment import enrolment_token_create, station_revoke
from fleet.stations.logins.live import login_at_stake
from fleet.stations.logins.rotation import COMMAND as ROTATE
from fleet.stations.models import EnrolmentToken, History, LoginPurpose, Station
from fleet.stations.parents import parent_find, station_parent_set
from fleet.stations.selectors import SHOWN_STATES, credential_list, station_get, station_list
from fleet.stations.services import serial_warning, station_register, station_retire
from sg_status.pages.station.token_shown import enrolment_line

Options = dict[str, Any]


class Command(WordCommand):
    """Stations from the command line."""

    help = "Add, import, claim, list, show and revoke stations."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `station`."""
        word = add("add", self.station_add, help="register a station and create its enrolment token")
        word.add_argument("serial", metavar="SERIAL", help="the serial of the device, such as SG-7F5ERPI46977")
        word.add_argument(
            "--organization", required=True, metavar="NAME", help="its organization; created if it does not exist"
        )
        word.add_argument("--name", default="", help="a name for people")
        word = add("import", self.station_import, help="register the stations in a CSV list; bad lines are reported")
        word.add_argument("file", type=Path, metavar="FILE", help="columns serial, name, model, site, notes, tags")
        word.add_argument("--organization", required=True, metavar="NAME", help="their organization")
        word.add_argument("--dry-run", action="store_true", help="check the list and change nothing")
        word.add_argument("--all-or-nothing", action="store_true", help="import nothing if any line has an error")
        word.add_argument(
            "--tokens", type=Path, metavar="FILE", help="write an enrolment token for each station to a new file"
        )
        word = add("claim", self.station_claim, help="add the device that shows a code as a station")
        word.add_argument("code", metavar="CODE", help="as shown on the device, such as ABCD-2345")
        word.add_argument("--organization", required=True, metavar="NAME", help="its organization")
        word.add_argument("--name", default="", help="a name for people")
        word = add("token", self.station_token, help="create a new enrolment token; earlier ones end")
        word.add_argument("serial", metavar="SERIAL")
        word.add_argument(
            "--for-upload",
            action="store_true",
            help="for a desk that reads the station's cards; the station's own login stays valid",
        )
        word = add("list", self.station_list, help="list stations with their state")
        word.add_argument("--organization", default="", metavar="NAME", help="only stations of this organization")
        word.add_argument(
            "--state", default="", choices=SHOWN_STATES, metavar="STATE", help="only stations in this state"
        )
        word.add_argument("--search", default="", metavar="TEXT", help="part of serial, name or site")
        word = add("show", self.station_show, help="show one station")
        word.add_argument("serial", metavar="SERIAL")
        word = add("revoke", self.station_revoke, help="end a station's logins; a live connection is closed")
        word.add_argument("serial", metavar="SERIAL")
        word.add_argument("--for-upload", action="store_true", help="only the login of a desk that uploads files")
        self.life_words(add)

    def life_words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands for stations already in service."""
        word = add(
            "rotate", self.station_rotate, help="have a running station fetch a new login; the old one then ends"
        )
        word.add_argument("serial", metavar="SERIAL")
        word = add(
            "retire",
            self.station_retire,
            help="take a station out of service; its data is kept, its serial becomes free",
        )
        word.add_argument("serial", metavar="SERIAL")
        word = add("parent", self.station_parent, help="say through which station it reaches this server: its gateway")
        word.add_argument("serial", metavar="SERIAL")
        which = word.add_mutually_exclusive_group(required=True)
        which.add_argument("--is", dest="parent", metavar="SERIAL", help="the gateway's serial")
        which.add_argument("--none", action="store_true", help="it has no gateway")
        word = add("move", self.station_move, help="move a station to another organization while it keeps sending")
        word.add_argument("serial", metavar="SERIAL")
        word.add_argument("--to", required=True, metavar="NAME", help="the new organization")
        word.add_argument(
            "--history",
            default=History.STAYS.value,
            choices=History.values,
            help="the data it has sent so far: stays, or goes with the station",
        )
        word = add("delete", self.station_delete, help="permanently delete a station with all its data")
        word.add_argument("serial", metavar="SERIAL")
        word.add_argument("--yes", required=True, metavar="SERIAL", help="the serial again, to confirm")

    def station_rotate(self, options: Options) -> None:
        """Send the station the command to rotate its login."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["serial"])
        command = command_issue(viewer=actor, station=station, name=ROTATE, parameters={})
        if options["json"]:
            self.data_print({"serial": station.serial, "command": str(command.id)})
            return
        self.stdout.write(
            f"{station.serial} will fetch a new login at its next contact. The old one works until the new one "
            "is in use."
        )

    def station_retire(self, options: Options) -> None:
        """Take a station out of service."""
        actor = viewer_of_server("command line")
        station = station_retire(station=station_get(viewer=actor, serial=options["serial"]), actor=actor)
        if options["json"]:
            self.data_print({"serial": station.serial, "retired_at": _iso(station.retired_at)})
            return
        self.stdout.write(f"{station.serial} is retired. Its data is kept; its serial can be registered again.")

    def station_parent(self, options: Options) -> None:
        """Set the gateway of a station, or none."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["serial"])
        parent = parent_find(viewer=actor, serial=options["parent"] or "")
        if parent is None and not options["none"]:
            raise InvalidInput("Name the gateway with --is SERIAL, or say --none.", field="parent")
        station_parent_set(actor=actor, station=station, parent=parent)
        if options["json"]:
            self.data_print({"serial": station.serial, "parent": parent.serial if parent else None})
        elif parent is None:
            self.stdout.write(f"{station.serial} has no gateway.")
        else:
            self.stdout.write(
                f"{station.serial} is behind {parent.serial}: while that is silent, one alert reports both."
            )

    def station_move(self, options: Options) -> None:
        """Move a station to another organization."""
        actor = viewer_of_server("command line")
        moved = station_move(
            actor=actor,
            station=station_get(viewer=actor, serial=options["serial"]),
            organization=organization_get(name=options["to"]),
            history=History(options["history"]),
        )
        if options["json"]:
            self.data_print({"serial": moved.serial, "organization": moved.organization.name})
            return
        self.stdout.write(f"{moved.serial} now belongs to {moved.organization.name}.")

    def station_delete(self, options: Options) -> None:
        """Permanently delete a station."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["serial"])
        station_delete(actor=actor, station=station, typed=options["yes"])
        if options["json"]:
            self.data_print({"serial": station.serial, "deleted": True})
            return
        self.stdout.write(f"{station.serial} is deleted; its data will be erased in the next few minutes.")

    def station_add(self, options: Options) -> None:
        """Register a station and create a token."""
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

    def station_import(self, options: Options) -> None:
        """Import a list and report its errors; exits with `REFUSED` if a line was left out."""
        organization = organization_get(name=options["organization"])
        with _tokens_open(options) as tokens:
            report = station_import(
                actor=viewer_of_server("command line"),
                organization=organization,
                content=_content(options["file"]),
                is_dry_run=options["dry_run"],
                all_or_nothing=options["all_or_nothing"],
                with_tokens=tokens is not None,
            )
            if tokens is not None:
                lines = csv.writer(tokens)
                lines.writerow(["serial", "name", "token", "expires_at", "server"])
                lines.writerows(
                    [t.serial, cell_guarded(t.name), t.token, _iso(t.expires_at), settings.SITE_URL]
                    for t in report.tokens
                )
        self._import_print(report, options)
        if report.problems:
            sys.exit(REFUSED)

    def _import_print(self, report: ImportReport, options: Options) -> None:
        if options["json"]:
            told = asdict(report)
            # Tokens are written only to the requested file.
            told.pop("tokens")
            self.data_print(told)
            return
        for problem in report.problems:
            self.stdout.write(f"line {problem.line}, {problem.column} {problem.value!r}: {problem.sentence}")
        for warning in report.warnings:
            self.stdout.write(f"line {warning.line}: {warning.sentence}")
        if report.unknown_columns:
            self.stdout.write(f"Ignored unknown columns: {', '.join(report.unknown_columns)}.")
        done = f"{report.good} could be imported" if options["dry_run"] else f"{report.imported} imported"
        self.stdout.write(f"{report.line_count} lines read, {done}, {len(report.problems)} problems.")

    def station_claim(self, options: Options) -> None:
        """Claim a device by its code; it fetches its login automatically."""
        organization = organization_get(name=options["organization"])
        station = claim_take(
            viewer=viewer_of_server("command line"),
            code=options["code"],
            organization=organization,
            name=options["name"],
        )
        if options["json"]:
            self.data_print({"serial": station.serial, "organization": organization.name})
        else:
            self.stdout.write(
                f"{station.serial} now belongs to {organization.name}. It fetches its login automatically."
            )

    def station_token(self, options: Options) -> None:
        """Create another token for a known station."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["serial"])
        purpose = LoginPurpose.UPLOAD if options["for_upload"] else LoginPurpose.STATION
        warning = "" if options["for_upload"] else login_at_stake(station=station, moment=clock.now())
        token = enrolment_token_create(station=station, actor=actor, purpose=purpose)
        self._token_print(station, token, [warning] if warning else [], is_json=options["json"])

    def station_list(self, options: Options) -> None:
        """List stations, those that need attention first."""
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
        """Show one station with its logins."""
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
        purpose = LoginPurpose.UPLOAD if options["for_upload"] else None
        ended = station_revoke(station=station, actor=actor, purpose=purpose)
        if options["json"]:
            self.data_print({"serial": station.serial, "revoked": ended})
        elif ended and purpose:
            self.stdout.write(f"The desk's login of {station.serial} is revoked; the station's own stays valid.")
        elif ended:
            self.stdout.write(f"{station.serial} is revoked; any live connection was closed.")
        else:
            self.stdout.write(f"{station.serial} has no valid login; there was nothing to revoke.")

    def _token_print(self, station: Station, token: str, notes: list[str], *, is_json: bool) -> None:
        newest = EnrolmentToken.objects.filter(station=station).order_by("-id").first()
        if newest is None:
            raise CommandError("The token no longer exists: the station was deleted meanwhile.")
        is_upload = newest.purpose == LoginPurpose.UPLOAD
        command = enrolment_line(station, token, LoginPurpose(newest.purpose))
        if is_json:
            self.data_print(
                {
                    "serial": station.serial,
                    "organization": station.organization.name,
                    "token": token,
                    "expires_at": _iso(newest.expires_at),
                    "server": settings.SITE_URL,
                    "purpose": newest.purpose,
                    "command": command,
                    "notes": notes,
                }
            )
            return
        for note in notes:
            self.stdout.write(note)
        until = f"{newest.expires_at:%Y-%m-%d %H:%M} UTC"
        if is_upload:
            self.stdout.write(
                f"A desk can enrol once until {until} to upload files of {station.serial}. The station's own login stays "
                f"valid. At the desk, type:\n\n  {command}\n\nThe token is not shown again."
            )
            return
        self.stdout.write(
            f"{station.serial} can enrol once until {until}. "
            f"On the station, type:\n\n  {command}\n\nThe token is not shown again."
        )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}. Name a CSV file.", field="file") from error


@contextmanager
def _tokens_open(options: Options) -> Iterator[TextIO | None]:
    """A new file for the tokens, readable only by its owner; None if not requested, or in a dry run.

    Raises `InvalidInput` if the file exists or cannot be written.
    """
    path: Path | None = options["tokens"]
    if path is None or options["dry_run"]:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}. Name a new file.", field="tokens") from error
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
        yield file


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
