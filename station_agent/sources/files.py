"""The source of manifests: looks at the data folders, hashes files at rest, and tells the server what changed.

A file that still grows is not hashed. It is at rest once its recorder has begun another one, or once it has not changed
for long. Changes are told once an hour, or once a day on a link that only visits.
"""

import time
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from formats.sensorgnome.names import file_name_parse
from station_agent.config import source_settings
from station_agent.manifest import book, orders
from station_agent.manifest.book import ManifestBook
from station_agent.manifest.folders import file_path, folders_read
from station_agent.manifest.hashing import REST_FACTOR, Hashing
from station_agent.manifest.orders import UploadOrders
from station_agent.manifest.telling import VISIT_MOST, Teller
from station_agent.manifest.uploading import UploadWorker
from station_agent.manifest.walk import FoundFile, FoundFolder, Walk
from station_agent.sources.base import Source, SourceKind, SourceSettings
from station_agent.sources.sensorgnome import SensorgnomeSettings
from station_agent.station import Station

#: Seconds of one poll that are spent on looking, and maximum seconds between two polls, because a visit is short.
LOOK_SECONDS, POLL_SECONDS = 0.1, 2.0
#: Seconds between two looks at the folders: on a link that stays, and on one that visits.
LOOK_EVERY, LOOK_EVERY_VISITING = 600.0, 7_200.0
#: Seconds between two messages about changes: likewise.
TELL_EVERY, TELL_EVERY_VISITING = 3_600.0, 86_400.0
#: Seconds between two messages with nothing but ends of uploads.
ENDS_EVERY = 10.0
#: Seconds without a change after which a file is at rest: one that is followed, and one that is not the recorder's.
STILL_FOLLOWED, STILL_OTHER = 30.0, 600.0
_UNHASHED_MOST = 1_000


class FilesSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`also`: further data folders; names of their files begin with `~` and the folder's name.

    `begin_after`: seconds to wait after the start before the first look. `finished_after`: seconds without a change
    after which a recorder's file is at rest without a successor.
    """

    also: list[str] = []
    begin_after: Annotated[float, Meta(ge=0)] = 600.0
    finished_after: Annotated[float, Meta(ge=1)] = 7_200.0


class FilesSource:
    """Polled by the main loop."""

    def __init__(self, station: Station, settings: FilesSettings) -> None:
        recorder = source_settings(SensorgnomeSettings, "sensorgnome", station.config.sources.get("sensorgnome", {}))
        self._station = station
        self._settings = settings
        self._folders = folders_read(recorder.directory, settings.also)
        self._book = ManifestBook(station.outbox.database)
        self._teller = Teller(station, self._book)
        self._orders = UploadOrders(station.outbox.database)
        self._worker = UploadWorker(station, self._folders)
        self._view = station.vitals.sources["files"]
        self._walk = Walk(self._folders)
        self._steps: Iterator[FoundFolder] | None = None
        self._seen: set[str] = set()
        self._unreadable: set[str] = set()
        self._hashing: Hashing | None = None
        #: Files of this walk to be hashed, the next one last; whether there may be more, and before which name.
        self._queue: list[FoundFile] = []
        self._is_more = False
        self._before = book.NAMES_END
        self._is_walked = False
        now = time.monotonic()
        self._look_at = now + settings.begin_after
        self._tell_at = self._look_at
        #: Monotonic time from which ends of uploads may be told in a message of their own.
        self._ends_at = 0.0
        self._reports = station.reports
        #: The server asked for a listing: telling begins once this walk and its hashing are complete.
        self._is_asked = False
        #: While telling, with one message per poll: whether more may follow, and how many files those may tell; None
        #: means any number.
        self._is_telling = False
        self._tell_most: int | None = None

    def poll(self) -> float:
        """Continue looking, hashing or telling, for at most a fifth of a second."""
        began = time.monotonic()
        self._worker.look()
        if self._worker.note:
            self._view.note = self._worker.note
        if self._station.manifest_wanted.is_set():
            self._station.manifest_wanted.clear()
            self._teller.listing_begin()
            self._is_asked, self._look_at = True, began
        if self._steps is not None or (began >= self._look_at and self._hashing is None):
            self._look(began + LOOK_SECONDS)
        elif not self._hash():
            self._tell(began)
            if self._is_telling:
                return (time.monotonic() - began) * REST_FACTOR
            return min(max(self._look_at - began, 0.05), POLL_SECONDS)
        return (time.monotonic() - began) * REST_FACTOR

    def _look(self, until: float) -> None:
        """Look at the next folders; at the end of a walk, begin hashing."""
        if self._steps is None:
            self._walk, self._seen, self._unreadable = Walk(self._folders), set(), set()
            self._steps = iter(self._walk)
        for folder in self._steps:
            self._seen.add(folder.name)
            if not folder.is_readable:
                self._unreadable.add(folder.name)
            self._book.folder_note(folder)
            if time.monotonic() >= until:
                return
        self._steps = None
        self._book.folders_end(self._seen, self._unreadable, list(self._folders))
        self._look_at = time.monotonic() + (LOOK_EVERY if self._station.tuning.stays else LOOK_EVERY_VISITING)
        self._is_more, self._before = True, book.NAMES_END
        self._is_walked = True

    def _queue_fill(self) -> None:
        """Queue the next files at rest. Each is considered once per walk, so those that wait block no others."""
        files = self._book.unhashed(_UNHASHED_MOST, before=self._before)
        self._queue = [file for file in reversed(files) if self._is_at_rest(file)]
        self._is_more = len(files) == _UNHASHED_MOST
        self._before = files[-1].name if files else book.NAMES_END

    def _is_at_rest(self, file: FoundFile) -> bool:
        """Whether it will not grow any more, as far as anybody can know."""
        # If the clock was set back, an age may be negative: such a file waits until the clock has caught up.
        still = time.time() - file.signature.mtime / 1e9
        parsed = file_name_parse(file.name.rpartition("/")[2])
        if parsed is None:
            return still >= STILL_OTHER
        line = (parsed.source, parsed.serial, parsed.boot)
        if 0 < parsed.start < self._walk.latest.get(line, 0):
            return still >= STILL_FOLLOWED
        return still >= self._settings.finished_after

    def _hash(self) -> bool:
        """Hash for a slice; False if there is nothing to hash."""
        if self._hashing is None:
            if not self._queue and self._is_more:
                self._queue_fill()
                return True
            if not self._queue:
                return False
            file = self._queue.pop()
            try:
                self._hashing = Hashing(file, file_path(self._folders, file.name))
            except OSError as error:
                self._view.note = f"{file.name} cannot be read: {error.strerror}."
                return True
        hashing = self._hashing
        try:
            digest = hashing.advance()
        except OSError as error:
            self._view.note = f"{hashing.file.name} cannot be read: {error.strerror}."
            digest = ""
        if digest is not None:
            hashing.close()
            self._hashing = None
            if digest:
                self._view.last_data_at = time.time()
                self._book.hash_note(hashing.file, digest)
        return True

    def _tell(self, now: float) -> None:
        """Put one message with the changes into the outbox, when it is due."""
        if self._is_telling:
            self._tell_next()
            return
        is_visit, stays = self._station.reports != self._reports, self._station.tuning.stays
        is_due = self._is_walked and (self._is_asked or (now >= self._tell_at and (stays or is_visit)))
        if not is_due:
            if self._is_walked and now >= self._ends_at and (stays or is_visit) and self._orders.ended(1):
                self._ends_at = now + ENDS_EVERY
                self._teller.tell(dict(self._walk.left), most=0)
            return
        self._reports = self._station.reports
        self._teller.dropped_look()
        self._teller.contents_look()
        self._tell_most = None if stays or self._is_asked else VISIT_MOST
        self._is_asked = False
        self._tell_next()
        self._tell_at = now + (TELL_EVERY if stays else TELL_EVERY_VISITING)

    def _tell_next(self) -> None:
        told = self._teller.tell(dict(self._walk.left), most=self._tell_most)
        if told is not None and self._tell_most is not None:
            self._tell_most -= told
        self._is_telling = told is not None and self._tell_most != 0


def _make(station: Station, settings: FilesSettings) -> Source:
    return FilesSource(station, settings)


SOURCE = SourceKind(name="files", settings=FilesSettings, make=_make, schema=book.SCHEMA + orders.SCHEMA)
