"""Changing a stored text on a page: the file gets another revision, and the previous text stays.

Only short UTF-8 texts can be changed, which a form returns unharmed, and no receiver's own recordings.
"""

import re
from dataclasses import dataclass
from io import BytesIO

from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany, Unavailable
from fleet.core.locks import session_lock
from fleet.files.looking.beginning import FileKind, kind_of
from fleet.files.store.contents import content_open
from fleet.files.store.keeping import revision_newest
from fleet.files.store.models import FileRevision, StoredContent
from fleet.files.store.uploads import UploadSender
from fleet.files.store.whole import Fate, FileFate, file_take
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from formats.sensorgnome.names import file_name_parse

#: Maximum bytes of a text that is changed here.
EDIT_MOST = 60_000
_MARK = b"\xef\xbb\xbf"
#: Characters that a form does not return unchanged.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class RevisionSuperseded(Conflict):
    """The file has a newer revision than the one that a person changed."""


@dataclass(frozen=True, slots=True)
class EditableText:
    """A text with plain line breaks, its file's line break, and the byte order mark if the file begins with one."""

    text: str
    line_break: str
    mark: bytes

    def octets(self, text: str) -> bytes:
        """Encode another text in the same way, with this file's line breaks and mark."""
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        return self.mark + plain.replace("\n", self.line_break).encode()


def text_may_be_edited(revision: FileRevision) -> bool:
    """Whether a file of this name and size may be changed here."""
    path = revision.file.path
    return (
        kind_of(path) in (FileKind.TEXT, FileKind.MARKDOWN)
        and not path.lower().endswith(".gz")
        and file_name_parse(path.rpartition("/")[2]) is None
        and revision.content.octets <= EDIT_MOST
        and revision.content.state == StoredContent.State.KEPT
    )


def text_edit_check(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` if the actor may not change stored texts of the station."""
    actor.require(Role.OPERATOR, station=station, to=_("change stored texts of %(serial)s"))


def text_read(revision: FileRevision) -> EditableText:
    """The text of a file. Raises `InvalidInput` if it cannot be changed here, `NotFound`, and `StoreAway`."""
    if not text_may_be_edited(revision):
        raise InvalidInput(
            _(
                "Only text and Markdown files of at most %(most)d bytes can be changed here, but no recordings of "
                "a receiver: download this file, change it, and upload it again."
            )
            % {"most": EDIT_MOST},
            field="text",
        )
    try:
        with content_open(revision.content) as opened:
            octets = opened.read(EDIT_MOST + 1)
    except FileNotFoundError as error:
        raise NotFound(_("The bytes of this file are missing on the server: upload it again.")) from error
    mark = _MARK if octets.startswith(_MARK) else b""
    try:
        text = octets.removeprefix(mark).decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        text = "\0"
    found = EditableText(text, "\r\n" if b"\r\n" in octets else "\n", mark)
    if _CONTROL.search(text) or found.octets(text) != octets:
        raise InvalidInput(
            _(
                "This file is no plain UTF-8 text, or breaks its lines in different ways: saving would change more than "
                "you did. Download it, change it, and upload it again."
            ),
            field="text",
        )
    return found


def text_write(*, actor: Viewer, sender: UploadSender, station: Station, revision: FileRevision, text: str) -> FileFate:
    """Store a changed text as the next revision of its file; an unchanged text is not stored. Returns the outcome.

    Raises `RevisionSuperseded` if the file has a newer revision than this one, `InvalidInput` and `Forbidden`.
    """
    text_edit_check(actor=actor, station=station)
    before = text_read(revision)
    octets = before.octets(text)
    if len(octets) > EDIT_MOST:
        raise TooMany(
            _("The text has %(octets)d bytes: at most %(most)d can be saved here.")
            % {"octets": len(octets), "most": EDIT_MOST}
        )
    path = revision.file.path
    with session_lock(f"edit file {revision.file_id}") as is_ours:
        if not is_ours:
            raise Unavailable(_("Somebody else is saving this file right now: try again."))
        newest = revision_newest(station.pk, path)
        if newest is None or newest.pk != revision.pk:
            raise RevisionSuperseded(_("%(path)s has a newer revision than the one that you changed.") % {"path": path})
        if octets == before.octets(before.text):
            return FileFate(path, Fate.KEPT_BACK, _("Nothing has changed, so no revision was saved."))
        fate = file_take(sender=sender, serial=station.serial, path=path, opened=BytesIO(octets), is_edited=True)
    if fate.fate is not Fate.REFUSED:
        audit(actor, station, "station.text_edited", path=path, octets=len(octets))
    return fate
