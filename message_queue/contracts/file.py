"""`file`: what became of each of the station's own data files, to the byte."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Count, Lane, Name, Seconds, ShortText

#: Most files in one message.
MAX_FILES = 500

FileState = Literal["open", "done", "refused", "foreign", "gone"]


class FileAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file. Bytes are those of its text, unpacked; where nothing can be unpacked, those on the disk.

    `read = taken + known + kept_back + refused`, for bytes and for lines; `read + unread` is what is there.
    `taken` was sent, `known` was sent before under another name, `kept_back` stays on the station by a setting or
    because it is no data of this station, `refused` could not be read.

        open ──▶ done      read to its end; open again when it grows
          ├────▶ gone      vanished before it was read to its end
          ├────▶ refused   nothing of it can be read; `reason` says why
          └────▶ foreign   named for another station
    """

    #: Path below the data folder without a compression's ending; bytes that are no UTF-8 as \\xNN, a line break as \\n.
    #: Its last part is what rows of the file say as their `file`, unless it is a copy named `… (1).txt`.
    name: ShortText
    state: FileState
    #: Bytes on the disk.
    size: Count = 0
    #: The start that its name tells.
    start: Seconds | None = None
    bytes_read: Count = 0
    bytes_unread: Count = 0
    bytes_taken: Count = 0
    bytes_known: Count = 0
    bytes_kept_back: Count = 0
    bytes_refused: Count = 0
    lines_read: Count = 0
    lines_taken: Count = 0
    lines_known: Count = 0
    lines_kept_back: Count = 0
    lines_refused: Count = 0
    damaged: bool = False
    #: Why it is refused, foreign or damaged, or is not read further for now, as a sentence.
    reason: ShortText = ""
    #: Lines refused, by a word for the reason.
    refusals: Annotated[dict[Name, Count], Meta(max_length=8)] = {}
    #: The stream of a replayed file.
    stream: ShortText = ""


class FileTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The same figures over all files of the station."""

    files: Count = 0
    files_open: Count = 0
    files_refused: Count = 0
    files_foreign: Count = 0
    bytes_read: Count = 0
    bytes_unread: Count = 0
    bytes_taken: Count = 0
    bytes_known: Count = 0
    bytes_kept_back: Count = 0
    bytes_refused: Count = 0
    lines_read: Count = 0
    lines_taken: Count = 0
    lines_known: Count = 0
    lines_kept_back: Count = 0
    lines_refused: Count = 0


class File(Body, frozen=True, kw_only=True):
    """The accounts that changed. `totals` are those of all files of the station, not only of those named here."""

    at: Seconds
    files: Annotated[list[FileAccount], Meta(min_length=1, max_length=MAX_FILES)]
    totals: FileTotals | None = None


CONTRACT = Contract(
    kind="file",
    version=1,
    body=File,
    lane=Lane.TELEMETRY,
    summary="What became of the station's own data files: bytes and lines taken, known, kept back, refused.",
)
