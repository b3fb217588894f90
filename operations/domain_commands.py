"""`./roost station`: registering stations from the command line; each word is one call of the domain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Annotated

import typer
from django.db import OperationalError
from rich.console import Console
from rich.table import Table

from operations import health
from operations.errors import OperationsError
from operations.instance import Instance
from operations.settings_env import site_url

station = typer.Typer(help="Register, list, look at and revoke stations.", rich_markup_mode=None)

Serial = Annotated[str, typer.Argument(help="The station's serial, as it stands on its label or in its file names.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@contextmanager
def desk_open() -> Iterator[ModuleType]:
    """The domain behind these commands; its refusals are sentences already."""
    instance = Instance.load()
    health.domain_load(instance)
    from fleet.core.errors import DomainError  # noqa: PLC0415 - models exist only once Django is loaded
    from operations import station_desk  # noqa: PLC0415 - as above

    try:
        yield station_desk
    except DomainError as error:
        raise OperationsError(str(error)) from error
    except OperationalError as error:
        raise OperationsError("The database does not answer: start Roost with `./roost up`, then try again.") from error


@station.command("add")
def add_command(
    serial: Serial,
    *,
    organization: Annotated[str, typer.Option(help="Whose station it is; made when there is none of that name.")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a station and get the token with which it enrols, once."""
    with desk_open() as desk:
        added = desk.station_add(serial=serial, organization=organization, name=name, server=site_url(Instance.load()))
    if as_json:
        print(json.dumps(added, indent=1))
        return
    print(f"{added['serial']} belongs to {added['organization']}. On the station, before {added['expires_at']}, run:")
    print(f"  {added['command']}")
    print("The token works once; it is not shown again.")


@station.command("list")
def list_command(
    *,
    organization: Annotated[str, typer.Option(help="Only this organization's stations.")] = "",
    as_json: AsJson = False,
) -> None:
    """All stations with their state."""
    with desk_open() as desk:
        stations = desk.stations_list(organization=organization)
    if as_json:
        print(json.dumps(stations, indent=1))
    elif stations:
        columns = ("serial", "name", "organization", "state", "last_contact_at")
        table = Table(*(column.replace("_", " ") for column in columns), box=None)
        for each in stations:
            table.add_row(*(str(each[column] or "") for column in columns))
        Console(soft_wrap=True, highlight=False).print(table)
    else:
        print("There are no stations yet: add one with `./roost station add SERIAL --organization NAME`.")


@station.command("show")
def show_command(serial: Serial, *, as_json: AsJson = False) -> None:
    """One station with the generations of its login."""
    with desk_open() as desk:
        shown = desk.station_show(serial=serial)
    if as_json:
        print(json.dumps(shown, indent=1))
        return
    for key, value in shown.items():
        if key != "logins":
            print(f"{key.replace('_', ' ')}: {value or '-'}")
    for login in shown["logins"]:
        ended = f"revoked {login['revoked_at']}" if login["revoked_at"] else "valid"
        print(f"login {login['generation']}: {login['username']}, issued {login['issued_at']}, {ended}")


@station.command("revoke")
def revoke_command(serial: Serial, *, as_json: AsJson = False) -> None:
    """End a station's logins; its live connection closes at once, and only a new enrolment brings it back."""
    with desk_open() as desk:
        revoked = desk.station_end_logins(serial=serial)
    if as_json:
        print(json.dumps(revoked, indent=1))
    else:
        print(f"{revoked['logins_ended']} logins of {revoked['serial']} have ended.")
