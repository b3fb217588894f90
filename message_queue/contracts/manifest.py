"""`manifest`: the files that a station holds, whether their data was sent or not, and how requested uploads ended."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Count, Lane, Name, Seconds, ShortText
from message_queue.errors import MessageRefused

#: Maximum files, and maximum ended uploads, in one message.
MAX_HELD = 500
_DIGITS = frozenset("0123456789abcdef")

#: Path below the data folders. A byte that is not UTF-8 or not printable is \\xNN, a backslash \\\\: `formats.paths` has
#: both directions.
HeldPath = Annotated[str, Meta(min_length=1, max_length=512)]
Digest = Annotated[str, Meta(min_length=64, max_length=64)]
UploadEnd = Literal["stored", "known", "changed", "gone", "refused", "expired"]


class ToldFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file at rest. `is_gone`: the station no longer has it. `is_growing`: it has changed since it was reported.

    With either of them, only `path` counts.
    """

    path: HeldPath
    #: Bytes on the disk.
    size: Count = 0
    modified: Seconds | None = None
    #: SHA-256 of the file as it is on the disk, in hexadecimal digits.
    sha256: Annotated[str, Meta(max_length=64)] = ""
    #: Times of its first and last line, and lines by kind, if the agent has read it to its end.
    first: Seconds | None = None
    last: Seconds | None = None
    lines: Annotated[dict[Name, Count], Meta(max_length=16)] = {}
    is_gone: bool = False
    is_growing: bool = False


class AskedUpload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of an upload that the server asked for.

    `stored`, `known`: the server has it. `changed`, `gone`: the station no longer has this content under this path.
    `refused`: the server does not take it, or the station cannot read it. `expired`: its deadline passed before the
    upload was complete.
    """

    path: HeldPath
    sha256: Digest
    end: UploadEnd
    reason: ShortText = ""
    #: Bytes of the file that were sent, in all attempts together.
    sent: Count = 0


class Manifest(Body, frozen=True, kw_only=True):
    """Changes since the station's last report, or a part of a listing of everything that it holds.

    `listing` is the number of the latest listing. `is_listed`: that listing is complete, and files that none of its
    messages named are gone.
    """

    at: Seconds
    listing: Count = 0
    is_listed: bool = False
    files: Annotated[list[ToldFile], Meta(max_length=MAX_HELD)] = []
    uploads: Annotated[list[AskedUpload], Meta(max_length=MAX_HELD)] = []
    #: `held`: files at rest, listed or about to be. `waiting`: files that still grow or are not hashed yet.
    held: Count = 0
    held_bytes: Count = 0
    waiting: Count = 0
    waiting_bytes: Count = 0
    #: Number of files that are not listed, by reason: `no_data`, `link`, `special`, `long_name`, `unreadable`, `deep`.
    left: Annotated[dict[Name, Count], Meta(max_length=16)] = {}
    #: Kind of the network that the station uses: `ethernet`, `wifi`, `mobile`, or empty.
    network: ShortText = ""


def _check(body: Manifest) -> None:
    for file in body.files:
        if not (file.is_gone or file.is_growing) and not (len(file.sha256) == 64 and _DIGITS.issuperset(file.sha256)):
            raise MessageRefused("bad-fields", f"The SHA-256 of {file.path[:100]!r} is not 64 hexadecimal digits.")


CONTRACT = Contract(
    kind="manifest",
    version=1,
    body=Manifest,
    lane=Lane.TELEMETRY,
    summary="The files that the station holds, by their SHA-256, and what became of uploads that it was asked for.",
    check=_check,
    rows=lambda body: max(len(body.files) + len(body.uploads), 1),
    only_by_station=True,
)
