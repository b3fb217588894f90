"""`manage key`: make, list and revoke API keys."""

import argparse
from collections.abc import Callable
from typing import Any

from fleet.core.command_line import WordCommand
from fleet.core.errors import NotFound
from fleet.organizations.keys import api_key_create, api_key_list, api_key_revoke
from fleet.organizations.models import ApiKey
from fleet.organizations.selectors import organization_get

Options = dict[str, Any]


class Command(WordCommand):
    """API keys from the command line."""

    help = "Make, list and revoke keys for the API."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """The words after `key`."""
        word = add("add", self.key_add, help="make a key; its secret is shown once")
        word.add_argument("--organization", required=True, metavar="NAME")
        word.add_argument("--name", required=True, help="what the key is for")
        word.add_argument("--write", action="store_true", help="it may also send commands; without, it only reads")
        word = add("list", self.key_list, help="list the keys of an organization")
        word.add_argument("--organization", required=True, metavar="NAME")
        word = add("revoke", self.key_revoke, help="end a key")
        word.add_argument("prefix", metavar="PREFIX", help="the part of the secret before the dot")

    def key_add(self, options: Options) -> None:
        """Make one."""
        organization = organization_get(name=options["organization"])
        key, secret = api_key_create(organization=organization, name=options["name"], is_read_only=not options["write"])
        if options["json"]:
            self.data_print(
                {
                    "organization": organization.name,
                    "name": key.name,
                    "prefix": key.prefix,
                    "read_only": key.is_read_only,
                    "key": secret,
                }
            )
            return
        self.stdout.write(f"Key {key.name} of {organization.name}. It is not shown again:\n\n  {secret}\n")

    def key_list(self, options: Options) -> None:
        """The keys of an organization."""
        keys = api_key_list(organization=organization_get(name=options["organization"]))
        rows: list[dict[str, Any]] = [
            {
                "prefix": key.prefix,
                "name": key.name,
                "read_only": key.is_read_only,
                "revoked": key.revoked,
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
            }
            for key in keys
        ]
        if options["json"]:
            self.data_print(rows)
            return
        self.table_print(
            ["PREFIX", "NAME", "MAY", "STATE"],
            [
                [r["prefix"], r["name"], "read" if r["read_only"] else "write", "revoked" if r["revoked"] else "works"]
                for r in rows
            ],
        )

    def key_revoke(self, options: Options) -> None:
        """End one."""
        key = ApiKey.objects.filter(prefix=options["prefix"]).first()
        if key is None:
            raise NotFound(f"There is no key with the prefix {options['prefix']!r}.")
        api_key_revoke(api_key=key)
        if options["json"]:
            self.data_print({"prefix": key.prefix, "revoked": True})
        else:
            self.stdout.write(f"Key {key.name} ({key.prefix}) is revoked.")
