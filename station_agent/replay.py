"""Replay: sending a whole folder of data files straight to the server, past the outbox, with every raw pulse.

Each file's content is a separate stream, named by its checksum and cut into messages by a fixed rule: the same content
always gives the same numbers, so the server drops what it already has. `f2` is version 2 of that rule; a card replayed
under `f1` is sent again under other numbers, and its rows are recognised there. After the files come their accounts, in
a stream named by them.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.base import Scalar
from message_queue.contracts.event import Event, Happening
from message_queue.contracts.file import FileState
from station_agent.config import Config
from station_agent.errors import AgentError
from station_agent.link.publish import PublishLink
from station_agent.network import Network
from station_agent.outbox import EVENT, Outgoing
from station_agent.sensorgnome.account import UNREADABLE, OpenAccount, Tally, file_messages
from station_agent.sensorgnome.folder import NO_FILE, FolderFile, entries, key_of
from station_agent.sensorgnome.lines import Burst, Fix, Line, Note, PulseLine, TagLine, line_read, line_without_end
from station_agent.sensorgnome.messages import RankedBody, messages_make, moments_fill
from station_agent.sensorgnome.names import FileName, is_foreign, name_show, other_file_reason, serials_taken
from station_agent.sensorgnome.packing import Checked
from station_agent.sensorgnome.places import Places
from station_agent.sensorgnome.portion import Lines, Wishes, lines_select, lost_add, portion_take, zeros_take
from station_agent.sensorgnome.positions import FilePosition
from station_agent.sensorgnome.reader import Chunk, LineReader, Unreadable
from station_agent.station import LinkState

log = logging.getLogger(__name__)

STREAM_PREFIX = "f2-"
#: No station writes larger files: an hour of the noisiest antenna is a tenth of it.
FILE_MOST = 512 * 1_048_576
_LETTERS = {"clock": "C", "setting": "S", "filter": "F"}


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


def letter_of(line: Line) -> str:
    """The letter under which a line is counted."""
    match line:
        case PulseLine(used=used):
            return "p" if used else "n"
        case TagLine():
            return "T"
        case Fix():
            return "G"
        case Burst():
            return "b"
        case Note(name=name):
            return _LETTERS.get(name, "other")


class _Portion(NamedTuple):
    messages: list[RankedBody]
    lines: list[Line]


class _Content:
    """One file's content at one moment. Raises `Unreadable` if none of it is text."""

    def __init__(self, entry: FolderFile, name: FileName, account: OpenAccount) -> None:
        self._path = Path(entry.file_name)
        self._name = name
        self._bytes = entry.read()
        self._start = account
        with LineReader(self._path, self._bytes) as reader:
            self.checked: Checked = reader.check()
        self.account = account

    def stream(self) -> tuple[str, int, int]:
        """The stream's name, and the length of the text in bytes and lines.

        Rows state their kind of file and whether it is damaged, so both are part of the content.
        """
        digest, length, lines, last = hashlib.sha256(), 0, 0, b"\n"
        with LineReader(self._path, self._bytes, checked=self.checked) as reader:
            for piece in reader.pieces():
                digest.update(piece)
                length, lines, last = length + len(piece), lines + piece.count(b"\n"), piece[-1:]
        digest.update(f"\n{self._name.source}\n{self.checked.damage}".encode())
        return STREAM_PREFIX + digest.hexdigest()[:32], length, lines + (last != b"\n")

    def is_beginning_of(self, plain: Path) -> bool:
        """Whether a plain file contains all of this: the usual result of compressing it."""
        with LineReader(self._path, self._bytes, checked=self.checked) as reader, plain.open("rb") as other:
            return all(other.read(len(piece)) == piece for piece in reader.pieces())

    def portions(self) -> Iterator[_Portion]:
        """The messages in their fixed order; after the last one the account is complete."""
        position, account = FilePosition(), self._start
        wishes, places = Wishes(), Places()
        with LineReader(self._path, self._bytes, checked=self.checked) as reader:
            while True:
                chunk = reader.chunk(position.offset)
                lines = _lines(chunk, position, self._name)
                if chunk.zeros:
                    portion = zeros_take(chunk.zeros, position, account)
                else:
                    chosen = lines_select(lines, (), wishes, trusted=True, last=True)
                    portion = portion_take(lines, position, account, chosen, wishes, places)
                position, account = portion.position, portion.account
                damaged = bool(self.checked.damage) or account.damaged
                messages = messages_make(portion.told, self._name, damaged=damaged)
                if chunk.ended:
                    if self.checked.damage:
                        account = lost_add(account, self.checked.lost, self.checked.damage)
                        messages.append(self._damage_tell(position, account))
                    self.account = replace(account, state="done")
                yield _Portion(messages, [read.line for read in lines.read if not read.is_blank])
                if chunk.ended:
                    return

    def _damage_tell(self, position: FilePosition, account: OpenAccount) -> RankedBody:
        """The event that reports the damage, the same each time."""
        data: dict[str, Scalar] = {"file": self._name.name, "why": account.reason[:200], "lines_read": position.line}
        at = (position.last_at or self._name.start) / 1_000_000
        body = Event(events=[Happening(t=at, name="file_damaged", data=data)], file=self._name.name, damaged=True)
        return RankedBody("event", body, EVENT)


def _lines(chunk: Chunk, position: FilePosition, name: FileName) -> Lines:
    """The chunk's lines with their numbers, at the end of the file including an incomplete line."""
    read = [line_read(raw, passed=chunk.passed) for raw in chunk.lines]
    if chunk.ended and chunk.rest:
        read.append(line_without_end(chunk.rest, chunk.rest_bytes))
    first = enumerate((row.line for row in read), position.line + 1)
    return Lines(read, moments_fill(first, position.last_at or name.start), chunk.ended)


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
        content = _Content(entry, name, replace(report.account, unread=0))
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
