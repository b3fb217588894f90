"""Replay: a whole folder of data files straight to the server, past the outbox, every raw pulse included.

Each file's content is a stream of its own, named by its checksum and cut into messages by a fixed rule: the same
content always gives the same numbers, so that the server drops what it has already. `f1` is version 1 of that rule.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from message_queue import codec
from message_queue.contracts import contracts
from station_agent.config import Config
from station_agent.errors import AgentError
from station_agent.link.publish import PublishLink
from station_agent.network import Network
from station_agent.outbox import Outgoing
from station_agent.sensorgnome.folder import data_files
from station_agent.sensorgnome.lines import Fix, Line, Note, Pulse, Tag, line_parse, unparsed
from station_agent.sensorgnome.messages import Message, messages_make, moments_fill
from station_agent.sensorgnome.names import FileName
from station_agent.sensorgnome.reader import LineReader
from station_agent.station import LinkView

STREAM_PREFIX = "f1-"
#: Larger files are no station's: an hour of the noisiest antenna is a tenth of it.
FILE_MOST = 512 * 1_048_576
_LETTERS = {"clock": "C", "setting": "S", "filter": "F"}


@dataclass
class FileReport:
    """What became of one file. `lines` by the first character of their kind, `other` for what could not be read."""

    file: str
    stream: str = ""
    lines: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    confirmed: int = 0
    returned: int = 0
    skipped: str = ""
    damage: str = ""


class _Chunked(NamedTuple):
    messages: list[Message]
    lines: list[Line]


def letter_of(line: Line) -> str:
    """The letter under which a line is counted."""
    match line:
        case Pulse(used=used):
            return "p" if used else "n"
        case Tag():
            return "T"
        case Fix():
            return "G"
        case Note(name=name):
            return _LETTERS.get(name, "other")


class _Content:
    """One file as it was at one moment."""

    def __init__(self, path: Path, name: FileName) -> None:
        self._path = path
        self._name = name
        self._bytes = path.read_bytes()
        self.damage = ""

    def stream(self) -> tuple[str, int]:
        """The stream's name and the length of the text."""
        digest, length = hashlib.sha256(), 0
        with LineReader(self._path, self._bytes) as reader:
            for piece in reader.pieces():
                digest.update(piece)
                length += len(piece)
        return STREAM_PREFIX + digest.hexdigest()[:32], length

    def chunks(self) -> Iterator[_Chunked]:
        """The messages in their fixed order."""
        offset, number, last_at = 0, 1, self._name.start
        with LineReader(self._path, self._bytes) as reader:
            while True:
                chunk = reader.chunk(offset)
                lines = [line_parse(raw.removesuffix(b"\r").decode("utf-8", "replace")) for raw in chunk.lines]
                if chunk.ended and chunk.rest:
                    lines.append(unparsed(chunk.rest.decode("utf-8", "replace"), "the line has no end"))
                if lines:
                    numbered = moments_fill(enumerate(lines, number), last_at)
                    number, last_at = number + len(lines), numbered[-1].at
                    yield _Chunked(messages_make(numbered, self._name), lines)
                if chunk.ended:
                    self.damage = chunk.damage
                    return
                offset = chunk.offset


class ReplayFeed:
    """The messages of all files, one after another, as the link wants them."""

    def __init__(self, folder: Path) -> None:
        self.reports: list[FileReport] = []
        self.error: Exception | None = None
        self._open: dict[int, tuple[FileReport, Outgoing]] = {}
        self._again: list[int] = []
        self._files = list(data_files(folder))
        self.files = len(self._files)
        self._source = self._all()
        self._key = 0
        self.exhausted = False
        self.progress_at = time.monotonic()

    @property
    def is_done(self) -> bool:
        """True when every message was confirmed or turned away."""
        return self.exhausted and not self._open

    def take(self, room: int) -> list[Outgoing]:
        """What was given back first, then what is next."""
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
        """The broker holds these."""
        for key in keys:
            self._open.pop(key)[0].confirmed += 1
        self.progress_at = time.monotonic()

    def given_back(self, keys: Collection[int]) -> None:
        """These must be published again."""
        self._again.extend(keys)

    def returned(self, keys: Collection[int]) -> None:
        """No queue took these; the person is told, the files are still there."""
        for key in keys:
            self._open.pop(key)[0].returned += 1

    def _all(self) -> Iterator[tuple[FileReport, Outgoing]]:
        for _, path, name in self._files:
            report = FileReport(file=path.name)
            self.reports.append(report)
            try:
                yield from self._file(path, name, report)
            except OSError as error:
                report.skipped = f"it cannot be read: {error.strerror or error}"

    def _file(self, path: Path, name: FileName, report: FileReport) -> Iterator[tuple[FileReport, Outgoing]]:
        if path.stat().st_size > FILE_MOST:
            report.skipped = "it is too large for a data file"
            return
        content = _Content(path, name)
        report.stream, length = content.stream()
        if length == 0:
            report.stream, report.skipped = "", "it is empty"
            return
        # The first pass only counts: every message says how many there are.
        following = 1 + sum(len(chunk.messages) for chunk in content.chunks())
        seq = 0
        for chunk in content.chunks():
            report.lines.update(map(letter_of, chunk.lines))
            for message in chunk.messages:
                seq += 1
                report.messages += 1
                yield report, self._outgoing(report, message, seq, following)
        report.damage = content.damage

    def _outgoing(self, report: FileReport, message: Message, seq: int, following: int) -> Outgoing:
        body, encoding = codec.encode(message.body)
        self._key += 1
        unconfirmed = (int(out.headers["seq"]) for other, out in self._open.values() if other.stream == report.stream)
        return Outgoing(
            key=self._key,
            kind=message.kind,
            body=body,
            encoding=encoding,
            message_id=f"{report.stream}/{seq}",
            headers=codec.headers(
                version=contracts()[message.kind].version,
                stream=report.stream,
                seq=seq,
                oldest=min([seq, *unconfirmed]),
                next_seq=following,
            ),
            is_late=True,
        )


def replay_run(
    config: Config, folder: Path, *, give_up: float, tell: Callable[[ReplayFeed, LinkView], None]
) -> list[FileReport]:
    """Send every file below the folder and wait for the last confirm. `tell` is called a few times a second.

    Raises `AgentError` when nothing was confirmed for `give_up` seconds.
    """
    feed, view = ReplayFeed(folder), LinkView()
    if not feed.files:
        raise AgentError(f"There is no Sensorgnome data file in {folder}.")
    link = PublishLink(config.amqp, config.link, feed, view, heartbeat=config.heartbeat, name=f"{config.serial} replay")
    network = Network(link.run)
    network.start()
    try:
        while not feed.is_done:
            time.sleep(0.1)
            tell(feed, view)
            if not network.is_running:
                raise AgentError("The connection ended for a reason that is not known; run it again.")
            if time.monotonic() - feed.progress_at > give_up:
                reason = view.reason or view.trouble or "The server does not confirm."
                raise AgentError(f"Nothing was confirmed for {give_up:.0f} s. {reason} Run it again: nothing doubles.")
    finally:
        network.stop(5.0)
        tell(feed, view)
    if feed.error is not None:
        raise feed.error
    return feed.reports
