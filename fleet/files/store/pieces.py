"""Uploads in pieces over AMQP, by the same services as over HTTPS; errors too are returned as answers."""

from collections.abc import Callable, Sequence

from django.db import Error as DatabaseError
from django.utils import translation

from fleet.core import clock
from fleet.core.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, Unavailable
from fleet.files.store.models import Upload
from fleet.files.store.parts import PartBusy, part_size, part_wish
from fleet.files.store.settling import upload_settle
from fleet.files.store.uploads import (
    FILE_MOST,
    FileAsked,
    UploadSender,
    upload_begin,
    upload_find,
    upload_offset,
    upload_terminate,
    upload_writer,
)
from fleet.stations.models import Station
from message_queue.pieces import FilePiece, State, UploadAnswer, UploadAsked

#: Agents get the language that the API uses without a header.
_LANGUAGE = "en"
_REASON_MOST = 500
_STATES: dict[str, State] = {
    Upload.State.OPEN: "open",
    Upload.State.STORED: "stored",
    Upload.State.KNOWN: "known",
    Upload.State.REFUSED: "changed",
}


def upload_ask(*, serial: str, login: str, asked: UploadAsked) -> UploadAnswer:
    """Begin or resume an upload. `serial` comes from the exchange, to which only this station can write."""

    def begin() -> UploadAnswer:
        if asked.size > FILE_MOST:
            raise InvalidInput(f"The file has {asked.size} bytes; the maximum is {FILE_MOST}.", field="size")
        modified = None if asked.modified is None else clock.from_seconds(max(asked.modified, 0.0))
        told = FileAsked(
            serial="",
            path=asked.path,
            octets=asked.size,
            sha256=asked.sha256.lower(),
            modified_at=modified,
            resumes=True,
        )
        return _answer(upload_begin(sender=_sender(serial, login), asked=told), asked.turn)

    return _answered(begin, turn=asked.turn)


def pieces_take(*, serial: str, login: str, pieces: Sequence[FilePiece]) -> UploadAnswer:
    """Append pieces of one upload, in their order; after the last one, check and store the file.

    Bytes that are here already are skipped, so that pieces may arrive twice. Nothing after a gap is written. An empty
    piece ends the upload.
    """
    turn, upload_id = pieces[-1].turn, pieces[0].upload

    def append() -> UploadAnswer:
        upload = upload_find(sender=_sender(serial, login), upload_id=upload_id)
        if upload.state != Upload.State.OPEN:
            return _answer(upload, turn)
        if not all(piece.body for piece in pieces):
            upload_terminate(upload)
            return UploadAnswer(turn=turn, state="again")
        here = part_size(upload.pk)
        if max(piece.offset + len(piece.body) for piece in pieces) > upload.octets:
            raise InvalidInput(f"More bytes came than the {upload.octets} that this file has.", field="offset")
        if here < upload.octets:
            here = _write(upload, here, pieces)
        if here < pieces[-1].offset:
            return UploadAnswer(turn=turn, state="again", upload=upload.pk, offset=here)
        return _answer(upload_settle(upload), turn)

    def busy() -> None:
        part_wish(upload_id)

    return _answered(append, turn=turn, on_busy=busy)


def _write(upload: Upload, here: int, pieces: Sequence[FilePiece]) -> int:
    """Write the pieces up to the first gap; return how many bytes are here afterwards."""
    writer = upload_writer(upload=upload, offset=here)
    try:
        for piece in pieces:
            if piece.offset > writer.size:
                break
            writer.write(piece.body[writer.size - piece.offset :])
    finally:
        writer.finish()
    return writer.size


def _sender(serial: str, login: str) -> UploadSender:
    """The station as a sender, with the same limits as over HTTPS. Raises `Forbidden`."""
    station = Station.objects.select_related("organization").filter(serial=serial, deleted_at=None).first()
    if station is None:
        raise Forbidden(f"This server has no station {serial}.")
    if station.retired_at is not None:
        raise Forbidden(f"{serial} is retired: its files are no longer taken.")
    if station.suspended_at is not None:
        raise Forbidden("This station is suspended: an operator can let it in again on its page.")
    return UploadSender(key=f"station:{station.pk}", name=login, station=station)


def _answered(
    act: Callable[[], UploadAnswer], *, turn: int, on_busy: Callable[[], None] = lambda: None
) -> UploadAnswer:
    """Call `act`, with errors as answers. Errors that may pass are `later`: the sender still has the file."""
    with translation.override(_LANGUAGE):
        try:
            return act()
        except (PartBusy, Unavailable) as error:
            if isinstance(error, PartBusy):
                on_busy()
            return _refusal("later", error, turn)
        except (NotFound, Conflict) as error:
            # The upload has expired, or another request wrote to it meanwhile.
            return _refusal("again", error, turn)
        except DomainError as error:
            return _refusal("refused", error, turn)
        except OSError as error:
            words = f"The disk of the server did not take it: {error.strerror or error}."
            return UploadAnswer(turn=turn, state="later", reason=words[:_REASON_MOST])
        except DatabaseError:
            return UploadAnswer(turn=turn, state="later", reason="The server's database does not answer.")


def _answer(upload: Upload, turn: int) -> UploadAnswer:
    reason = upload.reason if upload.state == Upload.State.REFUSED else ""
    return UploadAnswer(
        turn=turn, state=_STATES[upload.state], upload=upload.pk, offset=upload_offset(upload), reason=reason
    )


def _refusal(state: State, error: DomainError, turn: int) -> UploadAnswer:
    return UploadAnswer(turn=turn, state=state, reason=str(error)[:_REASON_MOST])
