"""`upload_files`: the station uploads files that its manifest named."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Seconds
from message_queue.contracts.commands.base import CommandContract, CommandParameters
from message_queue.contracts.manifest import Digest, HeldPath

#: Maximum files in one command.
MAX_ASKED = 100
#: An `until` in the past by any clock. It withdraws files that an earlier command asked for.
WITHDRAWN = 1.0

NetworkKind = Literal["ethernet", "wifi", "mobile"]


class AskedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file by its path in the manifest, and the SHA-256 of the content that is wanted."""

    path: HeldPath
    sha256: Digest

    def __post_init__(self) -> None:
        """Refuse a path that no manifest has: absolute, or one that leads out of the data folders."""
        if not {"", ".", ".."}.isdisjoint(self.path.split("/")):
            raise ValueError("a path is below the data folders: neither absolute nor with `..`")


class UploadFiles(CommandParameters, frozen=True, kw_only=True):
    """Files to upload, in this order. `until` is the deadline, `networks` are those that may be used; empty means any.

    A later command replaces the deadline and networks of a file. A deadline in the past withdraws the file.
    """

    files: Annotated[list[AskedFile], Meta(min_length=1, max_length=MAX_ASKED, title="Files")]
    until: Seconds
    networks: Annotated[list[NetworkKind], Meta(max_length=3, title="Networks")] = []


COMMAND = CommandContract(
    name="upload_files",
    label="Upload files",
    explanation="It queues these files and uploads them one after the other, as far as the time allows.",
    parameters=UploadFiles,
    default_expiry=86_400,
    is_by_hand=False,
)
