"""`manage analyst`: logins to the database that read one organization's data."""

import argparse
from collections.abc import Callable
from typing import Any

from django.db import connection

from fleet.core.command_line import WordCommand
from fleet.exports.analysts.services import CONNECTIONS, MINUTES, analyst_add, analyst_list, analyst_remove
from fleet.organizations.access import viewer_of_server
from fleet.organizations.selectors import organization_get

Options = dict[str, Any]


class Command(WordCommand):
    """Analysts' logins from the command line."""

    help = "Let analysts read an organization's data with SQL."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `analyst`."""
        for name, function, words in (
            ("add", self.analyst_add, "make a login of the database, and show its password once"),
            ("remove", self.analyst_remove, "remove a login and end its sessions"),
        ):
            word = add(name, function, help=words)
            word.add_argument("name", metavar="NAME", help="name of the analyst, as people know them")
            word.add_argument("--organization", required=True, metavar="NAME")
            if name == "add":
                word.add_argument("--connections", type=int, default=CONNECTIONS, help="at the same time")
                word.add_argument("--minutes", type=int, default=MINUTES, help="for one statement")
        word = add("list", self.analyst_list, help="list the logins of an organization")
        word.add_argument("--organization", required=True, metavar="NAME")

    def analyst_add(self, options: Options) -> None:
        """Create a login and print it."""
        login, password, others = analyst_add(
            actor=viewer_of_server("command line"),
            organization=organization_get(name=options["organization"]),
            name=options["name"],
            connections=options["connections"],
            minutes=options["minutes"],
        )
        where = connection.get_connection_params()
        told = {
            "host": where.get("host", ""),
            "port": where.get("port", ""),
            "database": where.get("dbname", ""),
            "user": login.role,
            "password": password,
        }
        if options["json"]:
            self.data_print({**told, "open_databases": others})
            return
        for word, value in told.items():
            self.stdout.write(f"{word:9} {value}")
        self.stdout.write(
            "The password is shown once. Views: stations, sites, deployments, antennas, series, readings,"
        )
        self.stdout.write("detections, positions and events, in the schema analyst.")
        if others:
            self.stdout.write(f"Other databases of this server are open to every login: {', '.join(others)}.")

    def analyst_remove(self, options: Options) -> None:
        """Remove a login."""
        organization = organization_get(name=options["organization"])
        analyst_remove(actor=viewer_of_server("command line"), organization=organization, name=options["name"])
        self.stdout.write(f"{options['name']} is removed.")

    def analyst_list(self, options: Options) -> None:
        """List an organization's logins."""
        found = analyst_list(organization=organization_get(name=options["organization"]))
        rows = [
            {
                "name": one.name,
                "user": one.role,
                "connections": one.connections,
                "minutes": one.minutes,
                "created_at": one.created_at,
                "created_by": one.created_by_name,
            }
            for one in found
        ]
        if options["json"]:
            self.data_print(rows)
            return
        cells = [[str(value) for value in row.values()] for row in rows]
        self.table_print(["NAME", "USER", "CONNECTIONS", "MINUTES", "CREATED", "BY"], cells)
