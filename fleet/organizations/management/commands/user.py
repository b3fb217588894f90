"""`manage user`: create and list people, set passwords, and choose who administers the server."""

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from fleet.core.command_line import Row, WordCommand
from fleet.core.errors import InvalidInput
from fleet.organizations.access import viewer_of_server
from fleet.organizations.people import person_add, person_admin_set, person_get, person_list, person_password_set

Options = dict[str, Any]
_ACTOR = viewer_of_server("command line")


class Command(WordCommand):
    """People from the command line."""

    help = "Create and list people, set passwords, and choose who administers the server."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Declare the subcommands of `user`."""
        word = add("add", self.user_add, help="create a login; the password is asked for, or read from standard input")
        word.add_argument("username", metavar="USERNAME")
        word.add_argument("--email", required=True, metavar="ADDRESS", help="address; it needs no confirmation")
        word.add_argument("--admin", action="store_true", help="make the person an administrator of the whole server")
        add("list", self.user_list, help="list everybody with a login")
        word = add("show", self.user_show, help="show one of them")
        word.add_argument("username", metavar="USERNAME")
        word = add(
            "password", self.user_password, help="set a new password; it is asked for, or read from standard input"
        )
        word.add_argument("username", metavar="USERNAME")
        word = add("admin", self.user_admin, help="make somebody an administrator of the whole server")
        word.add_argument("username", metavar="USERNAME")
        word.add_argument("--end", action="store_true", help="take the rights away again")

    def user_add(self, options: Options) -> None:
        """Create a login."""
        user = person_add(
            actor=_ACTOR,
            username=options["username"],
            email=options["email"],
            password=_password_read(),
            is_admin=options["admin"],
        )
        self._tell(user, f"{user.username} can log in.", as_json=options["json"])

    def user_list(self, options: Options) -> None:
        """List everybody."""
        rows = [_row(user) for user in person_list(actor=_ACTOR)]
        if options["json"]:
            self.data_print(rows)
            return
        self.table_print(
            ["USERNAME", "ADDRESS", "ROLE", "LAST LOGIN"],
            [[str(r["username"]), str(r["email"]), _role(r), str(r["last_login"] or "never")] for r in rows],
        )

    def user_show(self, options: Options) -> None:
        """Show one person, with organizations."""
        row = _row(person_get(actor=_ACTOR, username=options["username"]))
        if options["json"]:
            self.data_print(row)
            return
        for name, value in row.items():
            self.stdout.write(f"{name}: {value if not isinstance(value, list) else '; '.join(map(str, value))}")

    def user_password(self, options: Options) -> None:
        """Set a new password."""
        user = person_get(actor=_ACTOR, username=options["username"])
        person_password_set(actor=_ACTOR, user=user, password=_password_read())
        self._tell(user, f"{user.username} has a new password and is logged out everywhere.", as_json=options["json"])

    def user_admin(self, options: Options) -> None:
        """Give or take an administrator's rights."""
        user = person_get(actor=_ACTOR, username=options["username"])
        person_admin_set(actor=_ACTOR, user=user, is_admin=not options["end"])
        what = "no longer administers this server" if options["end"] else "now administers this server"
        self._tell(
            person_get(actor=_ACTOR, username=user.username), f"{user.username} {what}.", as_json=options["json"]
        )

    def _tell(self, user: User, sentence: str, *, as_json: bool) -> None:
        if as_json:
            self.data_print(_row(user))
        else:
            self.stdout.write(sentence)


def _row(user: User) -> Row:
    return {
        "username": user.username,
        "email": user.email,
        "is_active": user.is_active,
        "is_admin": user.is_superuser,
        "last_login": user.last_login.isoformat(timespec="seconds") if user.last_login else None,
        "organizations": [f"{held.organization.name}: {held.role}" for held in user.memberships.all()],
    }


def _role(row: Row) -> str:
    return "administrator" if row["is_admin"] else f"member of {len(row['organizations'])}"


def _password_read() -> str:
    """Ask twice at a terminal, else read one line of standard input. An argument would be visible to everybody."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass("Password: ")
    if getpass.getpass("Repeat it: ") != typed:
        raise InvalidInput("The two passwords differ: enter the same one twice.", field="password")
    return typed
