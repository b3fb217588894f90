"""`manage organization`: create, show, delete and restore organizations, and manage their members."""

import argparse
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from fleet.core import clock
from fleet.core.command_line import Row, WordCommand
from fleet.core.errors import InvalidInput, NotFound
from fleet.organizations.access import Role, viewer_of_server
from fleet.organizations.deletion import organization_delete, organization_restore, purge_at
from fleet.organizations.invitations import invitation_create, invitation_list, state_of
from fleet.organizations.members import member_add, member_remove
from fleet.organizations.models import Organization
from fleet.organizations.selectors import (
    member_list,
    organization_get,
    organization_list,
    organizations_deleted,
)
from fleet.organizations.services import organization_create

Options = dict[str, Any]
_ACTOR = viewer_of_server("command line")
_ROLES = [role.value for role in Role]


class Command(WordCommand):
    """Organizations from the command line."""

    help = "Create, show, delete and restore organizations, and manage their members."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Declare the subcommands of `organization`."""
        word = add("add", self.organization_add, help="create an organization")
        word.add_argument("name", metavar="NAME")
        word.add_argument("--owner", default="", metavar="USERNAME", help="the person who becomes its owner")
        word = add(
            "member",
            self.organization_member,
            help="add a person to an organization, change a role, or remove a member",
        )
        word.add_argument("name", metavar="NAME")
        word.add_argument("username", metavar="USERNAME")
        word.add_argument("--role", default=Role.VIEWER.value, choices=_ROLES)
        word.add_argument("--remove", action="store_true", help="remove the person")
        word = add("invite", self.organization_invite, help="mail an invitation that is valid for seven days")
        word.add_argument("name", metavar="NAME")
        word.add_argument("email", metavar="ADDRESS")
        word.add_argument("--role", default=Role.VIEWER.value, choices=_ROLES)
        word = add("list", self.organization_list, help="list organizations")
        word.add_argument("--deleted", action="store_true", help="only deleted ones that can still be restored")
        word = add("show", self.organization_show, help="show one with its members and open invitations")
        word.add_argument("name", metavar="NAME")
        word = add("delete", self.organization_delete, help="hide one from everybody; it is purged after 30 days")
        word.add_argument("name", metavar="NAME", help="the name exactly as it is written")
        word.add_argument("--yes", action="store_true", help="confirm; without this nothing is deleted")
        word = add("restore", self.organization_restore, help="restore a deleted one")
        word.add_argument("slug", metavar="SLUG", help="see: organization list --deleted")

    def organization_add(self, options: Options) -> None:
        """Create an organization."""
        owner = _user(options["owner"]) if options["owner"] else None
        made = organization_create(name=options["name"], owner=owner)
        self._tell(
            {"name": made.name, "slug": made.slug},
            f"Created the organization {made.name}; in URLs it is called {made.slug}.",
            options,
        )

    def organization_member(self, options: Options) -> None:
        """Add a member, change a role, or remove a member."""
        organization = organization_get(name=options["name"])
        told = {"organization": organization.name, "username": options["username"]}
        if options["remove"]:
            member_remove(organization=organization, username=options["username"], actor=_ACTOR)
            self._tell({**told, "role": None}, f"{told['username']} no longer belongs to {organization.name}.", options)
            return
        member = member_add(
            organization=organization, user=_user(options["username"]), role=Role(options["role"]), actor=_ACTOR
        )
        self._tell({**told, "role": member.role}, f"{member} is {member.role}.", options)

    def organization_invite(self, options: Options) -> None:
        """Mail an invitation."""
        organization = organization_get(name=options["name"])
        held = invitation_create(
            organization=organization, email=options["email"], role=Role(options["role"]), actor=_ACTOR
        )
        self._tell(
            {"organization": organization.name, "email": held.email, "role": held.role, "expires_at": held.expires_at},
            f"{held.email} is invited to {organization.name} as {held.role}, until {held.expires_at:%Y-%m-%d %H:%M} UTC.",
            options,
        )

    def organization_list(self, options: Options) -> None:
        """List organizations."""
        if options["deleted"]:
            gone = [{**_row(found), "purged_at": purge_at(found)} for found in organizations_deleted(viewer=_ACTOR)]
            self._table(["NAME", "SLUG", "PURGED"], ["name", "slug", "purged_at"], gone, options)
            return
        rows = [_row(found) for found in organization_list(viewer=_ACTOR)]
        self._table(["NAME", "SLUG"], ["name", "slug"], rows, options)

    def organization_show(self, options: Options) -> None:
        """Show one organization."""
        organization = organization_get(name=options["name"])
        moment = clock.now()
        members = [
            {"username": member.user.get_username(), "email": member.user.email, "role": member.role}
            for member in member_list(organization=organization)
        ]
        waiting: list[dict[str, Any]] = [
            {"email": held.email, "role": held.role, "state": state_of(held, moment), "expires_at": held.expires_at}
            for held in invitation_list(organization=organization, actor=_ACTOR)
        ]
        if options["json"]:
            settings = {
                "timezone": organization.timezone,
                "language": organization.language,
                "contact_email": organization.contact_email,
            }
            self.data_print({**_row(organization), **settings, "members": members, "invitations": waiting})
            return
        self.stdout.write(f"{organization.name} ({organization.slug}), {organization.timezone}\n")
        people = [(each["username"], each["email"], each["role"]) for each in members]
        invited = [("invited", each["email"], each["role"]) for each in waiting]
        self.table_print(["USERNAME", "ADDRESS", "ROLE"], [*people, *invited])

    def organization_delete(self, options: Options) -> None:
        """Hide an organization from everybody."""
        organization = organization_get(name=options["name"])
        if not options["yes"]:
            raise InvalidInput(f"Deleting hides {organization.name} from everybody at once: add --yes to do it.")
        gone = organization_delete(organization=organization, typed=options["name"], actor=_ACTOR)
        self._tell(
            {**_row(gone), "purged_at": purge_at(gone)},
            f"{gone.name} is deleted. Until {purge_at(gone):%Y-%m-%d} restore it with: organization restore {gone.slug}",
            options,
        )

    def organization_restore(self, options: Options) -> None:
        """Restore a deleted organization."""
        back = organization_restore(slug=options["slug"], actor=_ACTOR)
        self._tell(_row(back), f"{back.name} is restored with everything that belonged to it.", options)

    def _tell(self, data: Row, sentence: str, options: Options) -> None:
        if options["json"]:
            self.data_print(data)
        else:
            self.stdout.write(sentence)

    def _table(self, headings: list[str], names: list[str], rows: list[dict[str, Any]], options: Options) -> None:
        if options["json"]:
            self.data_print(rows)
        else:
            self.table_print(headings, [[str(row[name]) for name in names] for row in rows])


def _row(organization: Organization) -> dict[str, Any]:
    return {"name": organization.name, "slug": organization.slug}


def _user(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(f"There is no user {username!r}. Make one with: ./roost user add.")
    return user
