"""`manage export`: write a data package to a folder, and manage packages that repeat."""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from fleet.core.command_line import WordCommand
from fleet.core.errors import Conflict
from fleet.exports.descriptor import LICENCES
from fleet.exports.management.schedule_words import moment_read, schedules_declare
from fleet.exports.package import PackageWritten, Progress, package_write
from fleet.exports.question import KINDS, Format, PackageQuestion, question_check, stations_chosen
from fleet.exports.target import FolderTarget
from fleet.organizations.selectors import organization_get

Options = dict[str, Any]


class Command(WordCommand):
    """Data packages from the command line."""

    help = "Write a data package: what stations recorded, with everything needed to read and cite it."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `export`."""
        word = add("write", self.package_write, help="write a package to a new folder")
        word.add_argument("folder", type=Path, metavar="FOLDER", help="a folder that does not exist yet")
        word.add_argument("--organization", required=True, metavar="NAME")
        word.add_argument("--station", action="append", default=[], metavar="SERIAL", help="repeatable; default: all")
        word.add_argument("--deployment", action="append", default=[], type=int, metavar="NUMBER", help="repeatable")
        word.add_argument("--kind", action="append", default=[], choices=KINDS, help="repeatable; default: all")
        word.add_argument("--series", action="append", default=[], metavar="NAME", help="repeatable; default: all")
        word.add_argument(
            "--from", dest="start", required=True, type=moment_read, metavar="TIME", help="UTC, inclusive"
        )
        word.add_argument("--to", dest="end", required=True, type=moment_read, metavar="TIME", help="UTC, exclusive")
        word.add_argument("--format", choices=[*Format], default=Format.CSV.value)
        word.add_argument("--local", action="store_true", help="also the time on the clock at the place")
        word.add_argument("--clean", action="store_true", help="leave out rows with a mark of doubt")
        word.add_argument("--licence", choices=[*LICENCES], default="")
        word.add_argument("--citation", default="", metavar="TEXT")
        schedules_declare(self, add)

    def package_write(self, options: Options) -> None:
        """Write one package. The folder gets its name only when the package is complete."""
        organization = organization_get(name=options["organization"])
        station_ids, deployment_ids = stations_chosen(
            organization=organization, serials=options["station"], deployment_ids=options["deployment"]
        )
        question = PackageQuestion(
            organization=organization,
            station_ids=tuple(station_ids),
            deployment_ids=tuple(deployment_ids),
            kinds=tuple(kind for kind in KINDS if kind in options["kind"]) or KINDS,
            series=tuple(dict.fromkeys(options["series"])),
            start=options["start"],
            end=options["end"],
            format=Format(options["format"]),
            is_local=options["local"],
            is_clean=options["clean"],
            licence=options["licence"],
            citation=options["citation"],
        )
        question_check(question)
        done = _folder_write(question, options["folder"], self._progress)
        if options["json"]:
            self.data_print(_row(options["folder"], done))
            return
        self.stdout.write(f"{options['folder']} has {done.rows} rows of {len(done.station_ids)} stations:")
        self.table_print(
            ["FILE", "ROWS", "BYTES"],
            [[one.path, "" if one.rows is None else str(one.rows), str(one.bytes)] for one in done.files],
        )
        if question.is_clean:
            self.stdout.write(f"Left out for a mark of doubt: {done.left_out} rows.")

    def _progress(self, progress: Progress) -> None:
        """Print the progress, on a terminal only."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r{progress.parts * 100 // progress.parts_all} %, {progress.rows} rows", ending="")
            if progress.parts == progress.parts_all:
                self.stderr.write("")


def _folder_write(question: PackageQuestion, folder: Path, tell: Callable[[Progress], None]) -> PackageWritten:
    if folder.exists():
        raise Conflict(_("%(folder)s exists already: name a new folder.") % {"folder": folder})
    begun = folder.with_name(f".{folder.name}.part")
    try:
        begun.mkdir(parents=True)
    except FileExistsError as error:
        raise Conflict(
            _("%(folder)s was left by a package that was not finished: remove it.") % {"folder": begun}
        ) from error
    except OSError as error:
        raise Conflict(
            _("%(folder)s cannot be made: %(reason)s.") % {"folder": begun, "reason": error.strerror}
        ) from error
    try:
        done = package_write(question, FolderTarget(begun), tell=tell)
        begun.rename(folder)
    except BaseException:
        shutil.rmtree(begun)
        raise
    return done


def _row(folder: Path, done: PackageWritten) -> dict[str, Any]:
    files = [
        {"path": one.path, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256, "left_out": one.left_out}
        for one in done.files
    ]
    return {"folder": str(folder), "stations": len(done.station_ids), "rows": done.rows, "files": files}
