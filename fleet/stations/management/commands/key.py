"""`manage key`: make, list and revoke API keys."""

import argparse
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from fleet.core import clock
from fleet.core.command_line import WordCommand
from fleet.core.errors import InvalidInput, NotFound
from fleet.organizations.access import viewer_of_user
from fleet.organizations.keys import api_key_list, api_key_revoke, key_state
from fleet.organizations.members import member_get
from fleet.organizations.models import ApiKey
from fleet.organizations.selectors import organization_get
from fleet.stations.keys import api_key_create

Options = dict[str, Any]
#: The longest life of a key that expires, in days.
_DAYS_MOST = 3_650


class Command(WordCommand):
    """API keys from the command line."""

    help = "Make, list and revoke keys for the API."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Declare the subcommands of `key`."""
        word = add("add", self.key_add, help="make a key; its secret is shown only once")
        word.add_argument("--organization", required=True, metavar="NAME")
        word.add_argument("--name", required=True, help="what the key is for")
        word.add_argument(
            "--write", action="store_true", help="allow sending commands; without this, the key only reads"
        )
        word.add_argument(
            "--station", action="append", metavar="SERIAL", help="limit the key to this station; can be repeated"
        )
        word.add_argument(
            "--person", metavar="LOGIN", help="act as this member, with the role they have at the time of use"
        )
        word.add_argument("--days", type=int, metavar="N", help="expire after N days")
        word = add("list", self.key_list, help="list the keys of an organization")
        word.add_argument("--organization", required=True, metavar="NAME")
        word = add("revoke", self.key_revoke, help="revoke a key")
        word.add_argument("prefix", metavar="PREFIX", help="the part of the secret before the dot")

    def key_add(self, options: Options) -> None:
        """Make a key."""
        organization = organization_get(name=options["organization"])
        person = options["person"]
        key, secret = api_key_create(
            organization=organization,
            name=options["name"],
            is_read_only=not options["write"],
            actor=viewer_of_user(member_get(organization=organization, username=person).user) if person else None,
            is_personal=person is not None,
            serials=options["station"],
            expires_at=_end_after(options["days"]),
        )
        if options["json"]:
            self.data_print(
                {
                    "organization": organization.name,
                    "name": key.name,
                    "prefix": key.prefix,
                    "read_only": key.is_read_only,
                    "person": person,
                    "stations": options["station"],
                    "expires_at": key.expiry_date.isoformat() if key.expiry_date else None,
                    "key": secret,
                }
            )
            return
        self.stdout.write(f"Key {key.name} of {organization.name}. It is not shown again:\n\n  {secret}\n")

    def key_list(self, options: Options) -> None:
        """List an organization's keys."""
        keys = api_key_list(organization=organization_get(name=options["organization"]))
        moment = clock.now()
        rows = [_row(key, moment) for key in keys]
        if options["json"]:
            self.data_print(rows)
            return
        self.table_print(
            ["PREFIX", "NAME", "WHOSE", "MAY", "REACHES", "STATE"],
            [
                [
                    row["prefix"],
                    row["name"],
                    row["person"] or "machine",
                    "read" if row["read_only"] else "write",
                    "all" if row["stations"] is None else f"{len(row['stations'])} stations",
                    row["state"],
                ]
                for row in rows
            ],
        )

    def key_revoke(self, options: Options) -> None:
        """Revoke a key."""
        key = ApiKey.objects.filter(prefix=options["prefix"]).first()
        if key is None:
            raise NotFound(f"There is no key with the prefix {options['prefix']!r}.")
        api_key_revoke(api_key=key)
        if options["json"]:
            self.data_print({"prefix": key.prefix, "revoked": True})
        else:
            self.stdout.write(f"Key {key.name} ({key.prefix}) is revoked.")


def _row(key: ApiKey, moment: datetime) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "person": key.person.get_username() if key.person else None,
        "read_only": key.is_read_only,
        "stations": sorted(station.serial for station in key.stations.all()) if key.is_limited else None,
        "state": key_state(key, moment),
        "revoked": key.revoked,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "revoked_by": key.revoked_by_name or None,
        "expires_at": key.expiry_date.isoformat() if key.expiry_date else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
        "last_used_from": key.last_used_from or None,
    }


def _end_after(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= _DAYS_MOST:
        raise InvalidInput(f"--days {days}: use 1 to {_DAYS_MOST}.", field="days")
    return clock.now() + timedelta(days=days)
