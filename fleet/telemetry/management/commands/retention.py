"""`manage retention`: set how long an organization keeps readings, and remove what is due."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fleet.core.command_line import WordCommand
from fleet.organizations.selectors import organization_get
from fleet.telemetry.models import RetentionRule
from fleet.telemetry.retention import retention_list, retention_run, retention_set

Options = dict[str, Any]


class Command(WordCommand):
    """Command line interface to retention."""

    help = "Set how long readings are kept, and remove what is due."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `retention`."""
        word = add("set", self.retention_set, help="create or change a rule; whatever is not given is kept forever")
        word.add_argument("organization", metavar="ORGANIZATION")
        word.add_argument("--series", default="*", metavar="PATTERN", help="shell pattern; all series if not given")
        word.add_argument("--rows", type=int, metavar="DAYS", help="keep single readings for this many days")
        word.add_argument("--hours", type=int, metavar="DAYS", help="keep hourly roll-ups for this many days")
        word.add_argument("--days", type=int, metavar="DAYS", help="keep daily roll-ups for this many days")
        add("list", self.retention_list, help="list the rules")
        word = add("run", self.retention_run, help="remove what is due now, as the nightly job does")
        word.add_argument("--dry-run", action="store_true", help="only show what would be removed")

    def retention_set(self, options: Options) -> None:
        """Create or change one rule."""
        rule = retention_set(
            organization=organization_get(name=options["organization"]),
            pattern=options["series"],
            raw_days=options["rows"],
            hour_days=options["hours"],
            day_days=options["days"],
        )
        row = {"organization": rule.organization.name, "series": rule.pattern, **_kept(rule)}
        if options["json"]:
            self.data_print(row)
        else:
            kept = ", ".join(f"{name} {_words(days)}" for name, days in _kept(rule).items())
            self.stdout.write(f"Kept of the series {rule.pattern} of {rule.organization}: {kept}.")

    def retention_list(self, options: Options) -> None:
        """Print all rules."""
        rules = retention_list()
        if options["json"]:
            self.data_print([{"organization": r.organization.name, "series": r.pattern, **_kept(r)} for r in rules])
        else:
            self.table_print(
                ["ORGANIZATION", "SERIES", "ROWS", "HOURS", "DAYS"],
                [[r.organization.name, r.pattern, *map(_words, _kept(r).values())] for r in rules],
            )

    def retention_run(self, options: Options) -> None:
        """Remove what is due, or show what would be removed."""
        found = retention_run(is_dry=options["dry_run"], seconds=float("inf"))
        rows = [{"organization": name, **asdict(removed)} for name, removed in found.items()]
        if options["json"]:
            self.data_print(rows)
        elif not rows:
            self.stdout.write("Nothing is due.")
        else:
            self.table_print(
                ["ORGANIZATION", "READINGS", "HOURS", "DAYS", "LATE READINGS", "SERIES WAITING"],
                [[str(value) for value in row.values()] for row in rows],
            )


def _kept(rule: RetentionRule) -> dict[str, int | None]:
    return {"rows": rule.raw_days, "hours": rule.hour_days, "days": rule.day_days}


def _words(days: int | None) -> str:
    return "forever" if days is None else f"{days} days"
