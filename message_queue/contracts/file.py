"""`file`: the station's account of its own data files, exact to the byte."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Count, Lane, Name, Seconds, ShortText

#: Maximum files in one message.
MAX_FILES = 500

FileState = Literal["open", "done", "refused", "foreign", "gone"]


class FileAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file. Bytes are counted in its unpacked text; if it cannot be unpacked, on the disk.

    `read = taken + known + kept_back + refused`, for bytes and for lines; `read + unread` is the whole file.
    `taken`: sent. `known`: already sent under another name. `kept_back`: stays on the station, because of a setting or
    because it is not this station's data. `refused`: could not be read.

        open ──▶ done      read to its end; open again if it grows
          ├────▶ gone      disappeared before it was read to its end
          ├────▶ refused   unreadable; `reason` says why
          └────▶ foreign   named for another station
    """

    #: Path below the data folder, without a compression suffix; non-UTF-8 bytes as \\xNN, a line break as \\n.
    #: The file's rows give the last part of it as their `file`, without the number of a copy (`… (1).txt`).
    name: ShortText
    state: FileState
    #: Bytes on disk.
    size: Count = 0
    #: Start time, taken from its name.
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
    #: A sentence: why it is refused, foreign or damaged, or is not read further for now.
    reason: ShortText = ""
    #: Number of refused lines per reason word.
    refusals: Annotated[dict[Name, Count], Meta(max_length=8)] = {}
    #: The stream of a replayed file.
    stream: ShortText = ""


class FileTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The same figures for all files of the station together."""

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
    """Accounts that changed. `totals` covers all files of the station, not only those listed here."""

    at: Seconds
    files: Annotated[list[FileAccount], Meta(min_length=1, max_length=MAX_FILES)]
    totals: FileTotals | None = None


class _KnownAccount(FileAccount, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The same without unknown fields."""


class _KnownTotals(FileTotals, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The same without unknown fields."""


class _KnownFile(File, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same without unknown fields, as nearly all are."""

    files: Annotated[list[_KnownAccount], Meta(min_length=1, max_length=MAX_FILES)]  # type: ignore[assignment]
    totals: _KnownTotals | None = None


CONTRACT = Contract(
    kind="file",
    version=1,
    body=File,
    lane=Lane.TELEMETRY,
    summary="The station's account of its own data files: bytes and lines taken, known, kept back or refused.",
    usual=_KnownFile,
    keeps_unknown=True,
)
