"""One whole file as a stream of messages: the same content always gives the same stream and numbers.

The stream is named by the content's checksum and cut into messages by a fixed rule, so the server drops what it already
has, whoever sends it. `f2` is version 2 of that rule; a file sent under `f1` is sent again with other numbers, and the
server recognises its rows.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from formats.lines import Fix, Note, RowValues, TagLine
from formats.sensorgnome.account import OpenAccount
from formats.sensorgnome.grammar import lines_of
from formats.sensorgnome.lines import Burst, Line, PulseLine
from formats.sensorgnome.messages import LineMessage, Numbered, messages_make
from formats.sensorgnome.names import FileName
from formats.sensorgnome.packing import Checked
from formats.sensorgnome.places import Places
from formats.sensorgnome.portion import Wishes, lines_select, lost_add, portion_take, zeros_take
from formats.sensorgnome.position import FilePosition
from formats.sensorgnome.reader import LineReader
from message_queue.contracts.base import Scalar
from message_queue.contracts.event import Event, Happening

STREAM_PREFIX = "f2-"
#: The letter of lines outside the grammar, which are reported as events.
OTHER = "other"
_NOTES = {"clock": "C", "setting": "S", "filter": "F"}
_LETTERS: dict[type, str] = {TagLine: "T", Fix: "G", Burst: "b", RowValues: "H"}


def letter_of(line: Line) -> str:
    """The letter under which a line is counted."""
    match line:
        case PulseLine(used=used):
            return "p" if used else "n"
        case Note(name=name):
            return _NOTES.get(name, OTHER)
        case _:
            return _LETTERS.get(type(line), OTHER)


class ContentPortion(NamedTuple):
    """The messages made of one chunk, the lines in them, and all of its lines."""

    messages: list[LineMessage]
    told: list[Numbered]
    lines: list[Line]


class FileContent:
    """One file's content at one moment. Raises `Unreadable` if none of it is text."""

    def __init__(self, file_name: str, content: bytes, name: FileName, account: OpenAccount) -> None:
        self._path = Path(file_name)
        self._name = name
        self._bytes = content
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

    def portions(self) -> Iterator[ContentPortion]:
        """The messages in their fixed order; after the last one the account is complete."""
        position, account = FilePosition(), self._start
        wishes, places = Wishes(), Places()
        with LineReader(self._path, self._bytes, checked=self.checked) as reader:
            while True:
                chunk = reader.chunk(position.offset)
                lines = lines_of(chunk, position, self._name, last=chunk.ended)
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
                yield ContentPortion(messages, portion.told, [read.line for read in lines.read if not read.has_no_data])
                if chunk.ended:
                    return

    def _damage_tell(self, position: FilePosition, account: OpenAccount) -> LineMessage:
        """The event that reports the damage, the same each time."""
        data: dict[str, Scalar] = {"file": self._name.name, "why": account.reason[:200], "lines_read": position.line}
        at = (position.last_at or self._name.start) / 1_000_000
        body = Event(events=[Happening(t=at, name="file_damaged", data=data)], file=self._name.name, damaged=True)
        return LineMessage("event", body)
