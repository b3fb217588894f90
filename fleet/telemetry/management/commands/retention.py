"""`manage retention`: set which readings are kept, and for how long, and remove what is due."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from fleet.core.command_line import WordCommand
from fleet.core.errors import NotFound
from fleet.organizations.selectors import organization_get
from fleet.stations.models import Station
from fleet.telemetry.clearing.detections import detections_keep
from fleet.telemetry.clearing.retention import retention_run
from fleet.telemetry.keeping.models import DetectionRule, RetentionRule
from fleet.telemetry.keeping.rules import Kept, Owner, rule_remove, rule_set

Options = dict[str, Any]


class Command(WordCommand):
    """Command line interface to retention."""

    help = "Set which readings are kept, and for how long, and remove what is due."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `retention`."""
        word = add("set", self.retention_set, help="create or change a rule; whatever is not given is kept forever")
        _about(word)
        word.add_argument("--rows", type=int, metavar="DAYS", help="keep single readings for this many days")
        word.add_argument("--hours", type=int, metavar="DAYS", help="keep hourly roll-ups for this many days")
        word.add_argument("--days", type=int, metavar="DAYS", help="keep daily roll-ups for this many days")
        word.add_argument("--most", type=int, metavar="READINGS", help="keep this many readings of each series")
        word.add_argument(
            "--interval", type=int, metavar="SECONDS", help="store one reading of each series in this time"
        )
        _about(add("remove", self.retention_remove, help="remove a rule; what it removed does not come back"))
        word = add("detections", self.retention_detections, help="set how long single detections are kept")
        word.add_argument("organization", metavar="ORGANIZATION")
        word.add_argument("--days", type=int, metavar="DAYS", help="forever if not given; their hourly counts stay")
        add("list", self.retention_list, help="list the rules")
        word = add("run", self.retention_run, help="remove what is due now, as the nightly job does")
        word.add_argument("--dry-run", action="store_true", help="only show what would be removed")

    def retention_set(self, options: Options) -> None:
        """Create or change one rule."""
        kept = Kept(
            raw_days=options["rows"],
            hour_days=options["hours"],
            day_days=options["days"],
            most=options["most"],
            interval_s=options["interval"],
        )
        rule = rule_set(owner=_owner(options), pattern=options["series"], kept=kept)
        if options["json"]:
            self.data_print(_row(rule))
        else:
            words = ", ".join(f"{name} {_words(name, value)}" for name, value in _kept(rule).items())
            self.stdout.write(f"Kept of the series {rule.pattern} of {rule.station or rule.organization}: {words}.")

    def retention_remove(self, options: Options) -> None:
        """Remove one rule."""
        owner = _owner(options)
        rule_remove(owner=owner, pattern=options["series"])
        self.stdout.write(f"The rule for {options['series']} of {owner} is removed.")

    def retention_detections(self, options: Options) -> None:
        """Set the rule for detections."""
        organization, days = organization_get(name=options["organization"]), options["days"]
        detections_keep(organization=organization, days=days)
        words = "forever" if days is None else f"for {days} days"
        self.stdout.write(f"Single detections of {organization} are kept {words}.")

    def retention_list(self, options: Options) -> None:
        """Print all rules."""
        rules = RetentionRule.objects.select_related("organization", "station__organization")
        rows = sorted((_row(rule) for rule in rules), key=lambda row: [str(value) for value in row.values()][:3])
        if options["json"]:
            self.data_print(rows)
        else:
            for rule in DetectionRule.objects.select_related("organization").order_by("organization__name"):
                self.stdout.write(f"Single detections of {rule.organization} are kept for {rule.days} days.")
            self.table_print(
                ["ORGANIZATION", "STATION", "SERIES", "ROWS", "HOURS", "DAYS", "MOST", "INTERVAL"],
                [[_words(name, value) for name, value in row.items()] for row in rows],
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
                ["ORGANIZATION", "READINGS", "HOURS", "DAYS", "LATE READINGS", "DETECTIONS", "WAITING"],
                [[str(value) for value in row.values()] for row in rows],
            )


def _about(word: argparse.ArgumentParser) -> None:
    word.add_argument("organization", metavar="ORGANIZATION")
    word.add_argument("--station", metavar="SERIAL", help="only for this station, before the organization's rules")
    word.add_argument("--series", default="*", metavar="PATTERN", help="shell pattern; all series if not given")


def _owner(options: Options) -> Owner:
    organization = organization_get(name=options["organization"])
    if options["station"] is None:
        return organization
    found = Station.objects.filter(organization=organization, serial__iexact=options["station"]).first()
    if found is None:
        raise NotFound(f"{organization.name} has no station {options['station']}.")
    return found


def _row(rule: RetentionRule) -> dict[str, Any]:
    organization = rule.station.organization if rule.station else rule.organization
    serial = rule.station.serial if rule.station else None
    return {"organization": str(organization), "station": serial, "series": rule.pattern, **_kept(rule)}


def _kept(rule: RetentionRule) -> dict[str, int | None]:
    names = dict(
        zip((field.name for field in fields(Kept)), ("rows", "hours", "days", "most", "interval"), strict=True)
    )
    return {word: getattr(rule, name) for name, word in names.items()}


def _words(name: str, value: Any) -> str:
    if name in ("organization", "station", "series"):
        return value or "all"
    units = {"most": "readings", "interval": "seconds"}
    if value is None:
        return {"most": "all", "interval": "none"}.get(name, "forever")
    return f"{value} {units.get(name, 'days')}"
