"""`manage cold`: look at cold storage, move what is due, bring months back, and check the files."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

from fleet.core.command_line import WordCommand
from fleet.core.errors import Conflict
from fleet.organizations.access import viewer_of_server
from fleet.stations.selectors import station_get
from fleet.telemetry.cold.services import cold_check, cold_given_up, cold_held, cold_run, cold_thaw

Options = dict[str, Any]


class Command(WordCommand):
    """Command line interface to cold storage."""

    help = "Look at cold storage, move readings and detections of past months there, and bring them back."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `cold`."""
        add("list", self.cold_list, help="what is in cold storage, by organization")
        add("move", self.cold_move, help="move what is due now, as the job does, however long it takes")
        word = add("thaw", self.cold_thaw, help="bring a station's months back into the database")
        word.add_argument("serial", metavar="SERIAL")
        word.add_argument("--from", dest="first", type=_month, metavar="YYYY-MM", help="first month; all if not given")
        word.add_argument("--to", dest="last", type=_month, metavar="YYYY-MM", help="last month; all if not given")
        add("check", self.cold_check, help="read every file and compare it with what was stored")

    def cold_list(self, options: Options) -> None:
        """Print what each organization has in cold storage, and which months were given up."""
        held, failed = cold_held(), list(cold_given_up())
        if options["json"]:
            given_up = [{"name": file.name, "reason": file.reason, "at": file.over_at} for file in failed]
            self.data_print({"cold": [asdict(one) for one in held], "given_up": given_up})
            return
        if not held:
            self.stdout.write("Nothing is in cold storage.")
        else:
            self.table_print(
                ["ORGANIZATION", "KIND", "FILES", "ROWS", "BYTES", "FIRST", "LAST", "LATE: KNOWN", "MOVED", "LEFT OUT"],
                [[_shown(value) for value in asdict(one).values()] for one in held],
            )
        for file in failed:
            self.stdout.write(f"Not moved, and tried again: {file.name} ({file.reason}).")

    def cold_move(self, options: Options) -> None:
        """Move what is due."""
        rows = [{"organization": name, **asdict(moved)} for name, moved in cold_run(seconds=float("inf")).items()]
        if options["json"]:
            self.data_print(rows)
        elif not rows:
            self.stdout.write("Nothing is due, or another process is moving it just now.")
        else:
            self.table_print(
                ["ORGANIZATION", "MONTHS", "ROWS", "BYTES", "LATE: KNOWN", "MOVED", "LEFT OUT", "FAILED"],
                [[str(value) for value in row.values()] for row in rows],
            )

    def cold_thaw(self, options: Options) -> None:
        """Bring months of a station back."""
        station = station_get(viewer=viewer_of_server("command line"), serial=options["serial"])
        months, rows = cold_thaw(station=station, first=options["first"], last=options["last"])
        if options["json"]:
            self.data_print({"months": months, "rows": rows})
        else:
            again = " The job moves them again while ROOST_COLD_AFTER_MONTHS is set." if months else ""
            self.stdout.write(f"Months of {station.serial} brought back: {months}, with {rows} rows.{again}")

    def cold_check(self, options: Options) -> None:
        """Read every file; the exit code is 1 if one is missing or differs from what was stored."""
        wrong = cold_check()
        if options["json"]:
            self.data_print({"wrong": wrong})
        elif not wrong:
            self.stdout.write("Every file in cold storage is what was stored.")
        if wrong:
            raise Conflict("Missing, or other bytes than were stored: " + ", ".join(wrong))


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no month such as 2024-03") from error


def _shown(value: object) -> str:
    return f"{value:%Y-%m}" if isinstance(value, date) else str(value)
