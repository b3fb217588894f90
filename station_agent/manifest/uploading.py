"""Uploading what the server asked for: one file after the other, in a thread of its own, resumed where it broke off.

Whenever sending begins or resumes, a file must still be the one that was asked for: otherwise nothing more of it is
sent, and its end says so.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from message_queue.contracts.manifest import UploadEnd
from station_agent.errors import AgentError, ServerAway
from station_agent.manifest.book import ManifestBook
from station_agent.manifest.folders import file_path
from station_agent.manifest.hashing import Hashing, signature_read
from station_agent.manifest.orders import Order, UploadOrders
from station_agent.manifest.walk import FoundFile, Signature
from station_agent.network_kind import network_kind
from station_agent.station import Station
from station_agent.uploads.amqp import AmqpUploader
from station_agent.uploads.regular import regular_open
from station_agent.uploads.sending import FileChanged, FileRefused, FileSender, LocalFile, Progress
from station_agent.uploads.tus import Uploader
from station_agent.uploads.ways import UploadWay, UploadWays

log = logging.getLogger(__name__)

#: Seconds between two attempts while the server is away, first and maximum, and after which one attempt gives up.
RETRY_FIRST, RETRY_MOST, GIVE_UP = 60.0, 1_800.0, 600.0
#: While a file is sent, the network and the order are checked again after this many bytes or seconds.
LOOK_BYTES, LOOK_S = 4_000_000, 5.0
#: Seconds of rest between two slices of hashing.
_REST = 0.2
_CHANGED = "The file has changed since the station reported it."


class _Stopped(Exception):
    """The agent stops."""


class _TimeOver(Exception):
    """The order's time is over."""


class _AskedOtherwise(Exception):
    """The server has changed the order's deadline or networks meanwhile, or withdrawn it."""


class _Elsewhere(Exception):
    """The station uses another network now; the text says so."""


class UploadWorker:
    """Works through the orders. `look` is called regularly and starts the thread when there is something to do."""

    def __init__(
        self, station: Station, folders: dict[str, Path], *, network: Callable[[], str] = network_kind
    ) -> None:
        self._station = station
        self._folders = folders
        self._network = network
        self._book = ManifestBook(station.outbox.database)
        self._orders = UploadOrders(station.outbox.database)
        self._ways, self._way = UploadWays(station), UploadWay.SITE
        self._thread: threading.Thread | None = None
        self._next_at, self._pause = 0.0, RETRY_FIRST
        #: Why uploads wait, for a person at the station.
        self.note = ""

    def look(self) -> None:
        """Start the thread if there are open orders and it is not running."""
        if self._thread is not None and self._thread.is_alive():
            return
        if time.monotonic() >= self._next_at and self._orders.open_list():
            self._thread = threading.Thread(target=self.work, name="uploads", daemon=True)
            self._thread.start()

    def work(self) -> None:
        """Upload the requested files until none is left, the server is away, or the agent stops."""
        self._way = self._ways.choose()
        try:
            with contextlib.closing(self._sender()) as sender:
                notes = [note for order in self._orders.open_list() if (note := self._one(order, sender))]
        except _Stopped:
            return
        except ServerAway as error:
            if self._way is UploadWay.SITE:
                self._ways.site_away()
            self._wait(f"Uploads wait: {error}")
        except AgentError as error:
            self._wait(f"Uploads wait: {error}")
            log.warning("Nothing can be uploaded: %s", error)
        except sqlite3.ProgrammingError:
            # The agent stopped and closed its database; the order is still there.
            return
        except Exception as error:
            self._wait(f"Uploads wait: {error}")
            log.exception("An upload failed; it is tried again.")
        else:
            self._pause = RETRY_FIRST
            self.note = notes[-1] if notes else ""
            # Orders for another network wait for it.
            self._next_at = time.monotonic() + (RETRY_FIRST if notes else 0.0)

    def _wait(self, note: str) -> None:
        self.note = note[:250]
        self._next_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, RETRY_MOST)

    def _sender(self) -> FileSender:
        station = self._station
        amqp = station.config.amqp
        if self._way is UploadWay.SITE:
            return Uploader(
                server=station.config.server, login=station.login, ca_file=None, give_up=GIVE_UP, ca_pem=amqp.ca_pem
            )
        username, password = station.login
        return AmqpUploader(
            msgspec.structs.replace(amqp, username=username, password=password),
            heartbeat=station.config.heartbeat,
            give_up=GIVE_UP,
            may_send=self._ways.may_send,
            count=station.vitals.uploads_count,
            now=lambda: None if station.clock_base is None else station.now(),
        )

    def _one(self, order: Order, sender: FileSender) -> str:
        """Upload one file, or note its end; return why it waits, if it does."""
        if not self._orders.is_current(order):
            # The next run reads the changed order.
            return ""
        if order.until < self._station.now():
            self._orders.end(order, "expired", "The request expired before the file was uploaded.")
            return ""
        if waits := self._elsewhere(order):
            return waits
        try:
            file = self._file(order)
        except FileNotFoundError:
            self._orders.end(order, "gone", "The station no longer has this file.")
        except FileChanged as error:
            self._orders.end(order, "changed", str(error))
        except OSError as error:
            self._orders.end(order, "refused", f"The station cannot read it: {error.strerror or error}.")
        else:
            return self._upload(order, file, sender)
        return ""

    def _elsewhere(self, order: Order) -> str:
        """Why the order waits for another network, if it does."""
        if not order.networks or (kind := self._network()) in order.networks:
            return ""
        return f"Uploads wait for {' or '.join(order.networks)}; the station uses {kind or 'another network'}."

    def _file(self, order: Order) -> LocalFile:
        """The file as it is now. Raises `FileChanged` if it is not the requested one, and OSError."""
        path = file_path(self._folders, order.name)
        if path.is_symlink():
            raise FileNotFoundError
        with regular_open(path) as opened:
            signature = signature_read(opened.fileno())
        is_known = self._book.find(order.name) == (signature, order.sha256)
        if not is_known and self._hash(order.name, path, signature) != order.sha256:
            raise FileChanged(_CHANGED)

        def check(descriptor: int) -> None:
            if signature_read(descriptor) != signature:
                raise FileChanged(f"{_CHANGED} Nothing more of it was sent.")

        return LocalFile(path, order.name, signature.size, signature.mtime / 1e9, order.sha256, check)

    def _hash(self, name: str, path: Path, signature: Signature) -> str:
        hashing = Hashing(FoundFile(name, "", signature), path)
        try:
            while (digest := hashing.advance()) is None:
                if self._station.stopping.wait(_REST):
                    raise _Stopped
        finally:
            hashing.close()
        return digest

    def _upload(self, order: Order, file: LocalFile, sender: FileSender) -> str:
        """Send it and note its end; return why it waits, if it does. What arrived until then is kept."""
        before = sender.sent
        looked: dict[str, float] = {"at": time.monotonic(), "sent": before}

        def progress(_there: int) -> None:
            if self._station.stopping.is_set():
                raise _Stopped
            if order.until < self._station.now():
                raise _TimeOver
            moment = time.monotonic()
            if moment - looked["at"] < LOOK_S and sender.sent - looked["sent"] < LOOK_BYTES:
                return
            looked.update(at=moment, sent=sender.sent)
            if not self._orders.is_current(order):
                raise _AskedOtherwise
            if waits := self._elsewhere(order):
                raise _Elsewhere(waits)

        end: tuple[UploadEnd, str]
        try:
            end = self._send(file, sender, progress), ""
        except _TimeOver:
            end = "expired", "The request expired while the file was being uploaded. What arrived is kept."
        except FileChanged as error:
            end = "changed", str(error)
        except FileRefused as error:
            end = "refused", str(error)
        except (_AskedOtherwise, _Elsewhere) as error:
            # It continues under the changed order, or once the station uses one of the networks.
            self._orders.sent_add(order, sender.sent - before)
            return str(error)
        except AgentError:
            self._orders.sent_add(order, sender.sent - before)
            raise
        self._orders.sent_add(order, sender.sent - before)
        self._orders.end(order, *end)
        return ""

    def _send(self, file: LocalFile, sender: FileSender, progress: Progress) -> UploadEnd:
        outcome = sender.upload(file, progress)
        if self._way is UploadWay.SITE:
            self._ways.site_works()
        return "known" if outcome == "known" else "stored"
