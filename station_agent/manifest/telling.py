"""Telling the server which files the station holds: what changed since the last message, or everything again.

    closed ──asked by the server, or messages were dropped──▶ open ──the last file is named──▶ closed

While a listing is open, every message belongs to it. On a link that only visits, a message a day tells at most
`VISIT_MOST` files, so that a card with years of files costs a little every day, and not the month's data at once.
"""

from collections.abc import Iterable

from message_queue.contracts.manifest import MAX_HELD, AskedUpload, Manifest, ToldFile
from station_agent.manifest.book import ManifestBook
from station_agent.manifest.orders import UploadOrders
from station_agent.network_kind import network_kind
from station_agent.outbox import MANIFEST
from station_agent.sensorgnome.accounts import Accounts
from station_agent.sensorgnome.contents import FileContents
from station_agent.station import Station

#: Maximum files told at a time on a link that only visits: 250 a day are about 600 kB a month.
VISIT_MOST = 250
_LISTING, _OPEN, _DROPPED = "manifest_listing", "manifest_open", "manifest_dropped"


class Teller:
    """Makes the messages. Each is stored in one transaction with the note that its files were told."""

    def __init__(self, station: Station, book: ManifestBook) -> None:
        self._station = station
        self._outbox = station.outbox
        self._book = book
        self._accounts = Accounts(station.outbox.database)
        self._contents = FileContents(station.outbox.database)
        self._orders = UploadOrders(station.outbox.database)
        if not self._number(_LISTING):
            self.listing_begin()

    def listing_begin(self) -> None:
        """Begin a new listing of everything."""
        with self._outbox.database.transaction():
            self._outbox.state_set(_LISTING, str(self._number(_LISTING) + 1))
            self._outbox.state_set(_OPEN, "1")
            self._book.all_untell()

    def dropped_look(self) -> None:
        """Tell everything again, ends of uploads too, if the outbox was so full that it dropped a manifest."""
        with self._outbox.database.transaction():
            dropped = self._outbox.dropped().get("manifest", 0)
            is_dropped = dropped > self._number(_DROPPED)
            self._orders.told_settle(is_dropped=is_dropped)
            if is_dropped:
                self._outbox.state_set(_DROPPED, str(dropped))
                self.listing_begin()

    def contents_look(self) -> None:
        """Mark files to be told again whose contents have become known since."""
        self._book.filled_untell()

    def tell(self, left: dict[str, int], *, most: int | None) -> int | None:
        """Put one message into the outbox: what changed, at most this many files, and ends of uploads.

        Returns how many files it tells, or None if there was nothing to say. With `most` 0, only ends of
        uploads are told. One message at a time: the loop that calls this also feeds the watchdog.
        """
        untold = self._book.untold(MAX_HELD if most is None else min(MAX_HELD, most))
        uploads = self._orders.ended(MAX_HELD)
        may_close = most != 0 and bool(self._number(_OPEN))
        if not untold and not uploads and not may_close:
            return None
        filled = [self._filled(account, file) for account, file in untold]
        with self._outbox.database.transaction():
            self._book.told(filled)
            is_listed = may_close and not self._book.untold(1)
            if is_listed:
                self._outbox.state_set(_OPEN, "0")
            body = self._message((file for file, _ in filled), left, uploads, is_listed=is_listed)
            self._orders.told(uploads, self._outbox.put("manifest", body, MANIFEST))
        return len(untold)

    def _message(
        self, files: Iterable[ToldFile], left: dict[str, int], uploads: list[AskedUpload], *, is_listed: bool
    ) -> Manifest:
        sums = self._book.sums()
        return Manifest(
            at=round(self._station.now(), 1),
            listing=self._number(_LISTING),
            is_listed=is_listed,
            files=list(files),
            uploads=uploads,
            held=sums.held,
            held_bytes=sums.held_bytes,
            waiting=sums.waiting,
            waiting_bytes=sums.waiting_bytes,
            left=left,
            network=network_kind(),
        )

    def _filled(self, account: str, file: ToldFile) -> tuple[ToldFile, bool]:
        """The file with its contents as far as its account knows them, and whether nothing more will be known."""
        if not file.sha256:
            return file, True
        known = self._accounts.read(account)
        if known is None or known.state == "open":
            return file, False
        contents = self._contents.read(account)
        if not contents.counted or contents.counted != known.tally.lines_read:
            # It was read by an older agent, is a copy of another file, or has no lines.
            return file, True
        return ToldFile(
            path=file.path,
            size=file.size,
            modified=file.modified,
            sha256=file.sha256,
            first=round(contents.first_at / 1e6) if contents.first_at else None,
            last=round(contents.last_at / 1e6) if contents.last_at else None,
            lines=contents.kinds,
        ), True

    def _number(self, key: str) -> int:
        return int(self._outbox.state_get(key) or 0)
