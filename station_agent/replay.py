"""Replay: sending a whole folder of data files straight to the server, past the outbox, with every raw pulse.

Each file's content is a separate stream (`formats.sensorgnome.content`), so the server drops what it already has. After
the files come their accounts, in a stream named by them.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from formats.sensorgnome.account import UNREADABLE, OpenAccount, Tally, file_messages
from formats.sensorgnome.content import STREAM_PREFIX, FileContent, letter_of
from formats.sensorgnome.found import NO_FILE, FolderFile, entries, key_of
from formats.sensorgnome.names import FileName, is_foreign, name_show, other_file_reason
from formats.sensorgnome.reader import Unreadable
from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.file import FileState
from station_agent.config import Config
from station_agent.errors import AgentError
from station_agent.link.publish import PublishLink
from station_agent.network import Network
from station_agent.outbox import Outgoing
from station_agent.sensorgnome.serials import serials_taken
from station_agent.station import LinkState

log = logging.getLogger(__name__)

#: No station writes larger files: an hour of the noisiest antenna is a tenth of it.
FILE_MOST = 512 * 1_048_576


@dataclass
class FileReport:
    """The result for one file. `lines` by the first character of their kind, `other` for unreadable ones."""

    file: str
    stream: str = ""
    lines: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    confirmed: int = 0
    returned: int = 0
    account: OpenAccount = field(default_factory=OpenAccount)

    @property
    def skipped(self) -> str:
        """Why nothing of the file was sent."""
        return "" if self.stream else self.account.reason

    @property
    def damage(self) -> str:
        """A description of the damage."""
        return self.account.reason if self.account.damaged else ""

    @property
    def is_refused(self) -> bool:
        """Whether data that might be this station's was not sent."""
        account, tally = self.account, self.account.tally
        return bool(account.state == "foreign" or account.damaged or tally.bytes_refused or tally.lines_refused)


class ReplayFeed:
    """The messages of all files in turn, and then their accounts, for the link."""

    def __init__(self, folder: Path, *, serials: frozenset[str] = frozenset()) -> None:
        self.reports: list[FileReport] = []
        #: Outcomes of the messages that contain the accounts.
        self.accounts = FileReport(file="")
        self.error: Exception | None = None
        self._serials = serials
        self._open: dict[int, tuple[FileReport, Outgoing]] = {}
        self._again: list[int] = []
        self._sent: dict[str, str] = {}
        self._unreadable: list[tuple[Path, OSError]] = []
        self._folder = folder
        self._files = list(entries(folder, self._unreadable))
        self.files = len(self._files)
        self._source = self._all()
        self._key = 0
        self.exhausted = False
        self.progress_at = time.monotonic()

    @property
    def messages(self) -> int:
        """Number of messages, as far as the files were read."""
        return sum(report.messages for report in (*self.reports, self.accounts))

    @property
    def messages_confirmed(self) -> int:
        """Number of messages the broker has confirmed."""
        return sum(report.confirmed for report in (*self.reports, self.accounts))

    @property
    def messages_returned(self) -> int:
        """Number of messages that no queue accepted."""
        return sum(report.returned for report in (*self.reports, self.accounts))

    @property
    def is_done(self) -> bool:
        """True when every message was confirmed or returned."""
        return self.exhausted and not self._open

    def take(self, room: int) -> list[Outgoing]:
        """Returned messages first, then new ones."""
        taken = [self._open[key][1] for key in sorted(self._again)[:room]]
        self._again = sorted(self._again)[room:]
        while len(taken) < room and not self.exhausted:
            try:
                report, message = next(self._source)
            except StopIteration:
                self.exhausted = True
                break
            except Exception as error:  # noqa: BLE001 - told to the person by the main thread
                self.error, self.exhausted = error, True
                break
            self._open[message.key] = (report, message)
            taken.append(message)
        return taken

    def confirmed(self, keys: Sequence[int]) -> None:
        """Count messages confirmed by the broker."""
        for key in keys:
            self._open.pop(key)[0].confirmed += 1
        self.progress_at = time.monotonic()

    def given_back(self, keys: Collection[int]) -> None:
        """Queue these for publishing again."""
        self._again.extend(keys)

    def returned(self, keys: Collection[int]) -> None:
        """Count messages that no queue accepted; the person is told, and the files are still there."""
        for key in keys:
            self._open.pop(key)[0].returned += 1

    def _all(self) -> Iterator[tuple[FileReport, Outgoing]]:
        for entry in self._files:
            report = FileReport(file=entry.key)
            self.reports.append(report)
            try:
                yield from self._entry(entry, report)
            except Unreadable as error:
                report.account = _refuse(report.account, str(error))
            except OSError as error:
                report.account = _refuse(report.account, f"It cannot be read: {error.strerror or error}.")
            except Exception as error:
                log.exception("%s", entry.key)
                report.account = _refuse(report.account, f"It cannot be read: {type(error).__name__}: {error}.")
        for path, trouble in self._unreadable:
            name = name_show(str(path.relative_to(self._folder)))
            sentence = f"The folder cannot be read: {trouble.strerror or trouble}."
            self.reports.append(FileReport(file=name, account=_refuse(OpenAccount(), sentence)))
        yield from self._accounts()

    def _entry(self, entry: FolderFile, report: FileReport) -> Iterator[tuple[FileReport, Outgoing]]:
        size = entry.member.file_size if entry.member else entry.path.lstat().st_size
        start = entry.name.start if entry.name else 0
        report.account = OpenAccount(start=start, size=size, unread=size)
        if not entry.path.is_file():
            report.account = _leave(report.account, NO_FILE[0])
        elif entry.name is None:
            reason, counts = other_file_reason(entry.file_name)
            report.account = (_refuse if counts else _leave)(report.account, reason)
        elif is_foreign(entry.name, self._serials):
            reason = f"It is named for another station, {entry.name.serial}."
            report.account = replace(_leave(report.account, reason), state="foreign")
        elif size > FILE_MOST:
            report.account = _refuse(report.account, "It is too large for a data file.")
        elif size == 0:
            report.account = replace(report.account, state="done", reason="It is empty.")
        else:
            yield from self._file(entry, entry.name, report)

    def _file(self, entry: FolderFile, name: FileName, report: FileReport) -> Iterator[tuple[FileReport, Outgoing]]:
        content = FileContent(entry.file_name, entry.read(), name, replace(report.account, unread=0))
        stream, length, lines = content.stream()
        known = self._sent.get(stream)
        if known is None and entry.plain is not None and content.is_beginning_of(entry.plain):
            known = key_of(entry.plain, self._folder)
        if known is not None:
            tally = Tally(bytes_known=length, lines_known=lines)
            same = f"It is the same as {known}."
            report.account = replace(report.account, state="done", unread=0, tally=tally, reason=same)
            return
        if length == 0 and not content.checked.damage:
            report.account = replace(report.account, state="done", unread=0, reason="It is empty.")
            return
        # The first pass only counts, because every message states the total.
        following = 1 + sum(len(portion.messages) for portion in content.portions())
        report.stream, seq = stream, 0
        self._sent[stream] = report.file
        for portion in content.portions():
            report.lines.update(map(letter_of, portion.lines))
            for message in portion.messages:
                seq += 1
                report.messages += 1
                yield report, self._outgoing(report, message.kind, message.body, seq, following)
        report.account = content.account

    def _accounts(self) -> Iterator[tuple[FileReport, Outgoing]]:
        """The accounts of all files; the same card gives the same numbers here too."""
        accounts = [report.account.message(report.file, stream=report.stream) for report in self.reports]
        report, bodies = self.accounts, list(file_messages(accounts))
        digest = hashlib.sha256(msgspec.json.encode(accounts)).hexdigest()
        report.stream, report.messages = STREAM_PREFIX + digest[:32], len(bodies)
        for seq, body in enumerate(bodies, 1):
            yield report, self._outgoing(report, "file", body, seq, len(bodies) + 1)

    def _outgoing(self, report: FileReport, kind: str, value: Any, seq: int, following: int) -> Outgoing:
        body, encoding = codec.encode(value)
        self._key += 1
        unconfirmed = (int(out.headers["seq"]) for other, out in self._open.values() if other.stream == report.stream)
        return Outgoing(
            key=self._key,
            kind=kind,
            body=body,
            encoding=encoding,
            message_id=f"{report.stream}/{seq}",
            headers=codec.headers(
                version=contracts()[kind].version,
                stream=report.stream,
                seq=seq,
                oldest=min([seq, *unconfirmed]),
                next_seq=following,
            ),
            is_late=True,
        )


def _refuse(account: OpenAccount, reason: str) -> OpenAccount:
    """The account of a file of which nothing can be read."""
    return _whole(account, "refused", reason, Tally(bytes_refused=account.size), {UNREADABLE: 1})


def _leave(account: OpenAccount, reason: str) -> OpenAccount:
    """The account of a file left on the card because it is not this station's data."""
    return _whole(account, "refused", reason, Tally(bytes_kept_back=account.size), {})


def _whole(account: OpenAccount, state: FileState, reason: str, tally: Tally, refusals: dict[str, int]) -> OpenAccount:
    return replace(account, state=state, unread=0, reason=reason, tally=tally, refusals=refusals, damaged=False)


def replay_run(
    config: Config,
    folder: Path,
    *,
    give_up: float,
    tell: Callable[[ReplayFeed, LinkState], None],
    also_of: Sequence[str] = (),
    any_station: bool = False,
) -> ReplayFeed:
    """Send every file below the folder and wait for the last confirm. `tell` is called a few times a second.

    Raises `AgentError` if nothing is confirmed for `give_up` seconds.
    """
    serials = serials_taken(config.serial, also_of, any_station=any_station)
    feed, view = ReplayFeed(folder, serials=serials), LinkState()
    if not feed.files:
        raise AgentError(f"There is no file in {folder}.")
    link = PublishLink(config.amqp, config.link, feed, view, heartbeat=config.heartbeat, name=f"{config.serial} replay")
    network = Network(link.run)
    network.start()
    try:
        while not feed.is_done:
            time.sleep(0.1)
            tell(feed, view)
            if not network.is_running:
                raise AgentError("The connection ended for an unknown reason; run it again.")
            if time.monotonic() - feed.progress_at > give_up:
                reason = view.reason or view.trouble or "The server does not confirm."
                raise AgentError(
                    f"Nothing was confirmed for {give_up:.0f} s. {reason} Run it again: nothing is stored twice."
                )
    finally:
        network.stop(5.0)
        tell(feed, view)
    if feed.error is not None:
        raise feed.error
    return feed
