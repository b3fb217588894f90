"""`manage export schedule`: add, list and end packages that repeat."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from fleet.core.command_line import WordCommand
from fleet.core.errors import InvalidInput, NotFound
from fleet.exports.models import PackageSchedule
from fleet.exports.question import KINDS, Format
from fleet.exports.schedules.services import schedule_add, schedule_list, schedule_remove
from fleet.organizations.access import viewer_of_server
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_get

Options = dict[str, Any]


def schedules_declare(command: WordCommand, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the subcommand `schedule` to `export`."""

    def act(options: Options) -> None:
        organization = organization_get(name=options["organization"])
        {"add": _add, "list": _list, "end": _end}[options["act"]](command, organization, options)

    word = add("schedule", act, help="add, list or end packages that repeat")
    word.add_argument("act", choices=["add", "list", "end"])
    word.add_argument("name", nargs="?", default="", metavar="NAME", help="name of the repeated package")
    word.add_argument("--organization", required=True, metavar="NAME")
    word.add_argument("--every", choices=PackageSchedule.Every.values, default=PackageSchedule.Every.MONTH.value)
    word.add_argument("--target", choices=PackageSchedule.Target.values, default=PackageSchedule.Target.FOLDER.value)
    word.add_argument("--since", type=moment_read, metavar="TIME", help="UTC; also the periods since then")
    word.add_argument("--station", action="append", default=[], metavar="SERIAL", help="repeatable; default: all")
    word.add_argument("--kind", action="append", default=[], choices=KINDS, help="repeatable; default: all")
    word.add_argument("--series", action="append", default=[], metavar="NAME", help="repeatable; default: all")
    word.add_argument("--format", choices=[*Format], default=Format.CSV.value)
    word.add_argument("--clean", action="store_true", help="leave out rows with a mark of doubt")


def _add(command: WordCommand, organization: Organization, options: Options) -> None:
    schedule = schedule_add(
        actor=viewer_of_server("command line"),
        organization=organization,
        name=options["name"],
        every=options["every"],
        target=options["target"],
        since=options["since"],
        serials=options["station"],
        kinds=[kind for kind in KINDS if kind in options["kind"]] or KINDS,
        series=options["series"],
        wanted=options["format"],
        is_clean=options["clean"],
    )
    if options["json"]:
        command.data_print({"id": schedule.pk, "name": schedule.name, "next_from": schedule.next_start})
        return
    command.stdout.write(f"{schedule.name} repeats every {schedule.every} from {schedule.next_start:%Y-%m-%d} on.")


def _list(command: WordCommand, organization: Organization, options: Options) -> None:
    rows = [
        {
            "id": one.pk,
            "name": one.name,
            "every": one.every,
            "target": one.target,
            "made": getattr(one, "made", 0),
            "waiting": getattr(one, "waiting", 0),
            "made_up_to": getattr(one, "last_at", None),
            "failing_since": one.failing_since,
        }
        for one in schedule_list(organization=organization)
    ]
    if options["json"]:
        command.data_print(rows)
        return
    cells = [[str("" if value is None else value) for value in list(row.values())[1:]] for row in rows]
    command.table_print(["NAME", "EVERY", "TARGET", "MADE", "WAITING", "MADE UP TO", "FAILING SINCE"], cells)


def _end(command: WordCommand, organization: Organization, options: Options) -> None:
    if not options["name"]:
        raise InvalidInput(_("Name the repeated package to end."), field="name")
    schedule = schedule_list(organization=organization).filter(name=options["name"]).first()
    if schedule is None:
        raise NotFound(
            _("%(name)s has no repeated package %(schedule)s.")
            % {"name": organization.name, "schedule": repr(options["name"][:80])}
        )
    schedule_remove(actor=viewer_of_server("command line"), schedule=schedule)
    command.stdout.write(f"{schedule.name} no longer repeats. Files that are in their place stay there.")


def moment_read(text: str) -> datetime:
    """Parse a time from the command line; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write it as 2026-05-01 or 2026-05-01T12:30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
