"""`manage organization`: add and list organizations and their members."""

import argparse
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from fleet.core.command_line import WordCommand
from fleet.core.errors import NotFound
from fleet.organizations.access import Role, viewer_of_server
from fleet.organizations.selectors import organization_get, organization_list
from fleet.organizations.services import member_add, organization_create

Options = dict[str, Any]


class Command(WordCommand):
    """Organizations from the command line."""

    help = "Add and list organizations, and put people into them."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """The words after `organization`."""
        word = add("add", self.organization_add, help="make an organization")
        word.add_argument("name", metavar="NAME")
        word.add_argument("--owner", default="", metavar="USERNAME", help="who may do everything in it")
        word = add("member", self.organization_member, help="put a person into an organization")
        word.add_argument("name", metavar="NAME")
        word.add_argument("username", metavar="USERNAME")
        word.add_argument("--role", default=Role.VIEWER.value, choices=[role.value for role in Role])
        add("list", self.organization_list, help="list organizations")

    def organization_add(self, options: Options) -> None:
        """Make one."""
        owner = _user(options["owner"]) if options["owner"] else None
        made = organization_create(name=options["name"], owner=owner)
        if options["json"]:
            self.data_print({"name": made.name, "slug": made.slug})
        else:
            self.stdout.write(f"The organization {made.name} is there; in addresses it is called {made.slug}.")

    def organization_member(self, options: Options) -> None:
        """Add a member, or change a role."""
        member = member_add(
            organization=organization_get(name=options["name"]),
            user=_user(options["username"]),
            role=Role(options["role"]),
        )
        if options["json"]:
            self.data_print(
                {"organization": member.organization.name, "username": str(member.user), "role": member.role}
            )
        else:
            self.stdout.write(f"{member} is {member.role}.")

    def organization_list(self, options: Options) -> None:
        """All of them."""
        rows = [
            {"name": found.name, "slug": found.slug}
            for found in organization_list(viewer=viewer_of_server("command line"))
        ]
        if options["json"]:
            self.data_print(rows)
        else:
            self.table_print(["NAME", "SLUG"], [[row["name"], row["slug"]] for row in rows])


def _user(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(f"There is no user {username!r}. Make one with: manage createsuperuser, or on the admin pages.")
    return user
