"""`manage strays`: stored bytes that belong to no file, as after restoring an older backup of the database."""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from fleet.core.command_line import WordCommand
from fleet.core.errors import Conflict
from fleet.files.store.contents import content_open
from fleet.files.store.strays import KEPT_FOR, stray_get, stray_give, stray_list, stray_remove
from fleet.organizations.access import viewer_of_server
from fleet.stations.selectors import station_get

Options = dict[str, Any]


class Command(WordCommand):
    """Strays from the command line."""

    help = "List stored bytes that belong to no file, and give them to a station, copy or remove them."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `strays`."""
        add("list", self.strays_list, help="list them, the first found first")
        word = add("copy", self.stray_copy, help="write one to a new file, to look at it")
        self._hash_word(word)
        word.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
        word = add("give", self.stray_give, help="make one the file of a station")
        self._hash_word(word)
        word.add_argument("serial", metavar="SERIAL", help="the station")
        word.add_argument("path", metavar="PATH", help="its path below the station's data folder")
        word = add("remove", self.stray_remove, help="remove one permanently")
        self._hash_word(word)

    def _hash_word(self, word: argparse.ArgumentParser) -> None:
        word.add_argument("digits", metavar="SHA256", help="its SHA-256, or at least the first eight digits")

    def strays_list(self, options: Options) -> None:
        """List all strays."""
        strays = list(stray_list())
        rows = [
            {
                "sha256": stray.sha256,
                "octets": stray.octets,
                "found_at": f"{stray.stored_at:%Y-%m-%dT%H:%MZ}",
                "kept_until": f"{stray.stored_at + KEPT_FOR:%Y-%m-%dT%H:%MZ}",
            }
            for stray in strays
        ]
        if options["json"]:
            self.data_print(rows)
        elif rows:
            self.table_print(list(rows[0]), [[str(value) for value in row.values()] for row in rows])
        else:
            self.stdout.write("All stored bytes belong to a file.")

    def stray_copy(self, options: Options) -> None:
        """Write the bytes of a stray to a new file."""
        stray = stray_get(digits=options["digits"])
        try:
            with content_open(stray) as opened, options["file"].open("xb") as copy:
                shutil.copyfileobj(opened, copy)
        except OSError as error:
            raise Conflict(_("It cannot be copied: %(why)s.") % {"why": error.strerror or error}) from error
        self._say(options, {"sha256": stray.sha256, "file": str(options["file"])}, f"Copied to {options['file']}.")

    def stray_give(self, options: Options) -> None:
        """Make a stray the file of a station."""
        station = station_get(viewer=viewer_of_server("the command line"), serial=options["serial"])
        met = stray_give(digits=options["digits"], station=station, path=options["path"])
        said = {
            "new": f"{options['path']} of {station.serial} is stored.",
            "known": f"{station.serial} had it already under {options['path']}.",
        }
        self._say(options, {"serial": station.serial, "path": options["path"], "met": met.value}, said[met.value])

    def stray_remove(self, options: Options) -> None:
        """Remove a stray permanently."""
        octets = stray_remove(digits=options["digits"])
        self._say(options, {"octets": octets}, f"{octets} bytes are removed.")

    def _say(self, options: Options, data: dict[str, Any], sentence: str) -> None:
        if options["json"]:
            self.data_print(data)
        else:
            self.stdout.write(sentence)
