"""A whole card, file by file: the messages of each file, what became of it, and the accounts of all files at the end."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from formats.lines import UNREADABLE
from formats.lotek.dta import dta_reason
from formats.sensorgnome.account import OpenAccount, Tally, file_messages
from formats.sensorgnome.content import STREAM_PREFIX, FileContent, letter_of
from formats.sensorgnome.found import NO_FILE, FolderFile, key_of
from formats.sensorgnome.messages import Numbered
from formats.sensorgnome.names import FileName, is_foreign, name_show, other_file_reason
from formats.sensorgnome.reader import Unreadable
from message_queue.contracts.file import File, FileState

log = logging.getLogger(__name__)

#: No station writes larger files: an hour of the noisiest antenna is a tenth of it.
FILE_MOST = 512 * 1_048_576
#: Larger files of Lotek receivers are not looked into.
_DTA_MOST = 16 * 1_048_576
#: Bytes of text on one card, all files together: some seasons of the noisiest station.
TEXT_MOST = 256 * 1_073_741_824
#: Files of at most this many bytes of text are parsed once and kept, in some 20 MB: stations begin a new file at
#: 1,000,000.
_KEPT_MOST = 1_500_000


@dataclass
class FileReport:
    """The result for one file. `lines` are counted by `letter_of`, unreadable ones as `other`."""

    file: str
    name: FileName | None = None
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


class CardMessage(NamedTuple):
    """A message with its number; `following` is the number after the last of its stream."""

    kind: str
    body: Any
    stream: str
    seq: int
    following: int


class CardPart(NamedTuple):
    """The messages made of one chunk of a file, and the lines that are in them."""

    report: FileReport
    messages: list[CardMessage]
    told: list[Numbered]


class CardReader:
    """Reads files in turn; `reports` grows with them. A problem with one file affects only that file."""

    def __init__(
        self,
        folder: Path,
        files: Iterable[FolderFile],
        unreadable: Iterable[tuple[Path, OSError]] = (),
        *,
        serials: frozenset[str] = frozenset(),
        read: Callable[[FolderFile], bytes] = FolderFile.read,
        met: MutableMapping[str, str] | None = None,
        refused: Iterable[FileReport] = (),
    ) -> None:
        self.reports: list[FileReport] = []
        self._folder = folder
        self._files = files
        self._unreadable = unreadable
        self._serials = serials
        self._read = read
        #: Files that the caller has already refused; their reports follow the others.
        self._refused = refused
        #: Files already read, by stream. A caller that reads a card in parts passes this from part to part.
        self._met: MutableMapping[str, str] = {} if met is None else met
        self._text = 0

    def parts(self) -> Iterator[CardPart]:
        """The files' messages in a fixed order."""
        for entry in self._files:
            report = FileReport(file=entry.key, name=entry.name)
            self.reports.append(report)
            try:
                yield from self._entry(entry, report)
            except Unreadable as error:
                report.account = account_refused(report.account, str(error))
            except OSError as error:
                report.account = account_refused(report.account, f"It cannot be read: {error.strerror or error}.")
            except Exception as error:
                if type(error).__module__.startswith("billiard"):
                    # The worker ran out of time, which says nothing about the file.
                    raise
                log.exception("%s", entry.key)
                report.account = account_refused(report.account, f"It cannot be read: {type(error).__name__}: {error}.")
        for path, trouble in self._unreadable:
            name = name_show(str(path.relative_to(self._folder)))
            sentence = f"The folder cannot be read: {trouble.strerror or trouble}."
            self.reports.append(FileReport(file=name, account=account_refused(OpenAccount(), sentence)))
        self.reports += self._refused

    def accounts(self) -> list[CardMessage]:
        """The accounts of all files; the same card always gets the same numbers. Call it after the last part."""
        accounts = [report.account.message(report.file, stream=report.stream) for report in self.reports]
        stream = STREAM_PREFIX + hashlib.sha256(msgspec.json.encode(accounts)).hexdigest()[:32]
        bodies: list[File] = list(file_messages(accounts))
        return [CardMessage("file", body, stream, seq, len(bodies) + 1) for seq, body in enumerate(bodies, 1)]

    def _entry(self, entry: FolderFile, report: FileReport) -> Iterator[CardPart]:
        size = entry.member.file_size if entry.member else entry.path.lstat().st_size
        start = entry.name.start if entry.name else 0
        report.account = OpenAccount(start=start, size=size, unread=size)
        if not entry.path.is_file():
            report.account = _leave(report.account, NO_FILE[0])
        elif entry.name is None:
            reason, counts = self._other_reason(entry, size)
            report.account = (account_refused if counts else _leave)(report.account, reason)
        elif is_foreign(entry.name, self._serials):
            reason = f"It is named for another station, {entry.name.serial}."
            report.account = replace(_leave(report.account, reason), state="foreign")
        elif size > FILE_MOST:
            report.account = account_refused(report.account, "It is too large for a data file.")
        elif size == 0:
            report.account = replace(report.account, state="done", reason="It is empty.")
        else:
            yield from self._file(entry, entry.name, report)

    def _other_reason(self, entry: FolderFile, size: int) -> tuple[str, bool]:
        """Why a file that is not a data file is left, with a summary of a Lotek receiver's file."""
        if entry.file_name.lower().endswith(".dta") and size <= _DTA_MOST:
            return dta_reason(self._read(entry)), True
        return other_file_reason(entry.file_name)

    def _file(self, entry: FolderFile, name: FileName, report: FileReport) -> Iterator[CardPart]:
        content = FileContent(entry.file_name, self._read(entry), name, replace(report.account, unread=0))
        stream, length, lines = content.stream()
        self._text += length
        if self._text > TEXT_MOST:
            raise Unreadable("With this file, the card unpacks to more than stations ever write: send it in parts.")
        known = self._met.get(stream)
        if known is None and entry.plain is not None and entry.plain.is_file() and content.is_beginning_of(entry.plain):
            known = key_of(entry.plain, self._folder)
        if known is not None:
            tally = Tally(bytes_known=length, lines_known=lines)
            same = f"It is the same as {known}."
            report.account = replace(report.account, state="done", unread=0, tally=tally, reason=same)
            return
        if length == 0 and not content.checked.damage:
            report.account = replace(report.account, state="done", unread=0, reason="It is empty.")
            return
        # Every message states the total, so a large file is parsed twice; the first pass only counts.
        kept = list(content.portions()) if length <= _KEPT_MOST else None
        following = 1 + sum(len(portion.messages) for portion in kept or content.portions())
        report.stream = stream
        self._met[stream] = report.file
        for portion in kept or content.portions():
            report.lines.update(map(letter_of, portion.lines))
            first = report.messages + 1
            report.messages += len(portion.messages)
            numbered = [CardMessage(*each, stream, seq, following) for seq, each in enumerate(portion.messages, first)]
            yield CardPart(report, numbered, portion.told)
        report.account = content.account


def account_refused(account: OpenAccount, reason: str) -> OpenAccount:
    """The account of a file of which nothing can be read."""
    return _whole(account, "refused", reason, Tally(bytes_refused=account.size), {UNREADABLE: 1})


def _leave(account: OpenAccount, reason: str) -> OpenAccount:
    """The account of a file left on the card because it is not this station's data."""
    return _whole(account, "refused", reason, Tally(bytes_kept_back=account.size), {})


def _whole(account: OpenAccount, state: FileState, reason: str, tally: Tally, refusals: dict[str, int]) -> OpenAccount:
    return replace(account, state=state, unread=0, reason=reason, tally=tally, refusals=refusals, damaged=False)
