"""Stored files cut into pieces: each is copied from the store to a folder of its own, which is deleted after reading.

A piece is some stored files, or some files of one stored archive. The same files always give the same pieces, and a
back-fill can continue after any of them. Copying compares the bytes with their SHA-256. However much is stored, a piece
needs little disk and memory: `PIECE_BYTES`, or four times as much of plain files, or one file. An archive is copied
next to it while it is read.
"""

import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fleet.core.errors import InvalidInput
from fleet.files.models import FileRevision
from fleet.files.store.contents import content_open
from fleet.ingest.backfill.selection import BackfillPlace
from fleet.ingest.backfill.tar import TarFiles, tar_is
from fleet.ingest.backfill.workroom import archive_laid, archive_opened, content_lay, room_check, workroom
from fleet.ingest.cards.box import CardBox
from formats.sensorgnome.account import OpenAccount
from formats.sensorgnome.card import FILE_MOST, CardReader, FileReport, account_refused
from formats.sensorgnome.found import FolderFile
from formats.sensorgnome.names import file_name_parse, name_show, packed_end_cut

#: Maximum stored files, files of an archive, and stored bytes in a piece; a single file may be larger.
PIECE_FILES, PIECE_MEMBERS, PIECE_BYTES = 64, 256, 2_000_000
#: This many bytes of a plain file count as one: a packed byte holds several times as much.
_PLAIN = 4
#: Unpacked bytes after which a piece of an archive ends.
UNPACKED_MOST = 10 * PIECE_BYTES
#: First bytes of a zip archive, and of an empty one.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_LARGE = "It is too large for a data file."
_NAMED = "It is a zip archive with the name of a data file: upload it with a name that ends with .zip."
_EMPTY, _NESTED = "The archive has no files.", "It is an archive in an archive: upload it by itself."


@dataclass(frozen=True, slots=True)
class PieceFile:
    """A file of a piece: the stored revision, and if that is an archive, the number of the file in it."""

    revision: FileRevision
    member: int = 0


@dataclass
class CardPiece:
    """Files to read together. `at`: where the back-fill stands afterwards. `done`: stored files that end here."""

    at: BackfillPlace
    files: list[FolderFile] = field(default_factory=list)
    #: The revision and member of each of `files`, in the same order; and files that are not read, with the reason.
    what: list[PieceFile] = field(default_factory=list)
    refused: list[tuple[FileReport, PieceFile]] = field(default_factory=list)
    done: list[FileRevision] = field(default_factory=list)
    #: Unread files that may be readable later: their stored bytes are damaged, or not available now.
    left: set[PieceFile] = field(default_factory=set)
    box: CardBox | None = None

    def reader(
        self, serials: frozenset[str], met: dict[str, str], chosen: Callable[[PieceFile], bool] = lambda _: True
    ) -> tuple[CardReader, list[PieceFile]]:
        """A reader of the chosen files, and the file that each of its reports will be about, in order."""
        pairs = [(file, what) for file, what in zip(self.files, self.what, strict=True) if chosen(what)]
        refused = [(report, what) for report, what in self.refused if chosen(what)]
        files, reports = [file for file, _ in pairs], [report for report, _ in refused]
        if self.box is None:
            reader = CardReader(Path(), files, serials=serials, met=met, refused=reports)
        else:
            reader = self.box.reader(serials, files=files, met=met, refused=reports)
        return reader, [what for _, what in [*pairs, *refused]]

    def refuse(self, name: str, reason: str, what: PieceFile, octets: int, *, is_left: bool = False) -> None:
        """Note that a file is not read. `is_left`: the same content may be readable another time."""
        report = FileReport(name_show(name), account=account_refused(OpenAccount(size=octets), reason))
        self.refused.append((report, what))
        if is_left:
            self.left.add(what)


def pieces(revisions: Iterable[FileRevision], at: BackfillPlace) -> Generator[CardPiece]:
    """The stored files in pieces. `at`: where a back-fill stands, perhaps in the middle of the first one."""
    loose: list[FileRevision] = []
    for revision in revisions:
        kind = _kind(revision)
        ends = len(loose) >= PIECE_FILES or sum(map(_weight, loose)) >= PIECE_BYTES
        # A folder cannot hold two revisions of one file.
        if loose and (kind is not _loose or ends or loose[-1].file_id == revision.file_id):
            yield from _loose(loose, BackfillPlace())
            loose = []
        if kind is _loose:
            loose.append(revision)
        else:
            is_begun = (at.path, at.number) == (revision.file.path, revision.number)
            yield from kind([revision], at if is_begun else BackfillPlace())
    if loose:
        yield from _loose(loose, BackfillPlace())


def _weight(revision: FileRevision) -> int:
    """How much a stored file adds to the size of a piece. Small pieces are slow: each waits for its last lines."""
    is_packed = packed_end_cut(revision.file.path) != revision.file.path
    return revision.content.octets if is_packed else revision.content.octets // _PLAIN


def _kind(revision: FileRevision) -> "Callable[[list[FileRevision], BackfillPlace], Iterator[CardPiece]]":
    """How a stored file is read, by its first bytes and its name."""
    if file_name_parse(revision.file.path.rpartition("/")[2]) is not None:
        # These are most files; another request to the store would double their cost.
        return _loose
    try:
        with content_open(revision.content) as opened:
            head = opened.read(4)
    except OSError:
        return _loose
    if head in _ZIP:
        return _zip
    return _tar if tar_is(revision.file.path, head) else _loose


def _loose(revisions: list[FileRevision], _at: BackfillPlace) -> Iterator[CardPiece]:
    """Copy stored files to one folder, as one piece."""
    last = revisions[-1]
    piece = CardPiece(BackfillPlace(last.file.path, last.number), done=revisions)
    with tempfile.TemporaryDirectory(dir=workroom()) as folder:
        root, laid = Path(folder), dict[Path, PieceFile]()
        for revision in revisions:
            what, path = PieceFile(revision), root / revision.file.path
            reason = _lay(revision, path)
            if not reason and _zip_is(path):
                reason = _NAMED
            if reason:
                is_left = reason not in (_NAMED, _LARGE)
                piece.refuse(revision.file.path, reason, what, revision.content.octets, is_left=is_left)
            else:
                laid[path] = what
        with CardBox(root, opens_archives=False) as box:
            piece.box, piece.files = box, [file for file in box.files if file.path in laid]
            piece.what = [laid[file.path] for file in piece.files]
            yield piece


def _zip(revisions: list[FileRevision], at: BackfillPlace) -> Iterator[CardPiece]:
    """The files of a stored zip archive, some at a time."""
    (revision,) = revisions
    place = BackfillPlace(revision.file.path, revision.number)
    with archive_laid(revision) as (path, trouble):
        reason = trouble or (yield from _zip_pieces(revisions, path, place, at.member))
        if reason:
            reason = reason.replace(str(path), revision.file.path).replace(path.name, revision.file.path)
            piece = CardPiece(place, done=revisions)
            what = PieceFile(revision)
            piece.refuse(revision.file.path, reason, what, revision.content.octets, is_left=bool(trouble))
            yield piece


def _zip_pieces(
    revisions: list[FileRevision], path: Path, place: BackfillPlace, first: int
) -> Generator[CardPiece, None, str]:
    """The pieces of an archive on the disk, from this member on; return why it is no archive, or an empty text."""
    (revision,) = revisions
    try:
        with CardBox(path) as box:
            # Always in the same order, by the times in their names, so that a number always means the same file.
            is_last = False
            while not is_last:
                some = _members_some(box.files, first)
                is_last = first + len(some) >= len(box.files)
                piece = CardPiece(place if is_last else place._replace(member=first + len(some)), box=box)
                piece.files = [file._replace(key=f"{revision.file.path}/{file.key}") for file in some]
                piece.what = [PieceFile(revision, number) for number, _ in enumerate(some, first)]
                first += len(some)
                piece.done = revisions if is_last else []
                if not box.files:
                    piece.refuse(revision.file.path, _EMPTY, PieceFile(revision), revision.content.octets)
                yield piece
    except InvalidInput as error:
        return str(error)
    return ""


def _members_some(files: list[FolderFile], first: int) -> list[FolderFile]:
    """The next members for a piece: at least one, if any is left."""
    some, unpacked = list[FolderFile](), 0
    for file in files[first : first + PIECE_MEMBERS]:
        if unpacked >= UNPACKED_MOST:
            break
        some.append(file)
        unpacked += file.member.file_size if file.member else 0
    return some


def _tar(revisions: list[FileRevision], at: BackfillPlace) -> Iterator[CardPiece]:
    """The files of a stored tar archive, unpacked some at a time."""
    (revision,) = revisions
    place = BackfillPlace(revision.file.path, revision.number)
    with archive_opened(revision) as (opened, trouble):
        if opened is None:
            piece = CardPiece(place, done=revisions)
            piece.refuse(revision.file.path, trouble, PieceFile(revision), revision.content.octets, is_left=True)
            yield piece
            return
        unpacked = TarFiles(opened, octets=revision.content.octets, skip=at.member)
        is_last = False
        while not is_last:
            room_check(revision.file.path, UNPACKED_MOST)
            with tempfile.TemporaryDirectory(dir=workroom()) as folder:
                root, laid = Path(folder), dict[Path, PieceFile]()
                refused = list[tuple[str, str, int, int]]()
                for member in unpacked.some(root, PIECE_MEMBERS, UNPACKED_MOST):
                    if member.reason:
                        refused.append((member.name, member.reason, member.number, member.octets))
                    else:
                        laid[member.path] = PieceFile(revision, member.number)
                is_last = unpacked.is_over
                piece = CardPiece(place if is_last else place._replace(member=unpacked.number))
                piece.done = revisions if is_last else []
                for name, reason, number, octets in refused:
                    shown = f"{revision.file.path}/{name}" if name else revision.file.path
                    piece.refuse(shown, reason, PieceFile(revision, number), octets)
                with CardBox(root, opens_archives=False) as box:
                    piece.box = box
                    found = [file for file in box.files if file.path in laid and not _zip_is(file.path)]
                    piece.files = [file._replace(key=f"{revision.file.path}/{file.key}") for file in found]
                    piece.what = [laid[file.path] for file in found]
                    for path in laid.keys() - {file.path for file in found}:
                        name = f"{revision.file.path}/{path.relative_to(root)}"
                        piece.refuse(name, _NESTED, laid[path], path.stat().st_size)
                    if not unpacked.number and not refused:
                        piece.refuse(revision.file.path, _EMPTY, PieceFile(revision), revision.content.octets)
                    yield piece


def _lay(revision: FileRevision, path: Path) -> str:
    """Copy a stored data file to a new file; return why that failed, or an empty text."""
    if revision.content.octets > FILE_MOST:
        return _LARGE
    room_check(revision.file.path, revision.content.octets)
    return content_lay(revision, path)


def _zip_is(path: Path) -> bool:
    with path.open("rb") as raw:
        return raw.read(4) in _ZIP
