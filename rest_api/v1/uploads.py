"""`/uploads`: files of stations, sent with the tus protocol 1.0 (https://tus.io), and resumable at any byte."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.urls import path
from django.utils.http import http_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.errors import InvalidInput, Unavailable
from fleet.files.store.models import Upload
from fleet.files.store.parts import PIECE, PartWriter
from fleet.files.store.settling import upload_settle
from fleet.files.store.uploads import (
    FILE_MOST,
    UploadSender,
    sender_check,
    upload_begin,
    upload_find,
    upload_look,
    upload_offset,
    upload_terminate,
    upload_writer,
)
from fleet.stations.models import Credential
from rest_api.authentication import ApiKeyAuthentication, viewer_of
from rest_api.limits import AskerThrottle, RefusalThrottle, asker_left, asker_of, refusal_count
from rest_api.problems import CONTENT_TYPE
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, Problem, answers
from rest_api.station_login import StationLoginAuthentication
from rest_api.streams import NAME, Stream, stream_hand_over
from rest_api.tus import (
    ALGORITHMS,
    PIECE_TYPE,
    VERSION,
    FileChanged,
    asked_read,
    checksum_read,
    ignored_words,
    offset_read,
    version_check,
)

#: Status in tus for a piece that does not match its checksum.
CHECKSUM_MISMATCH, _MISMATCH = 460, "Checksum Mismatch"
#: Statuses that do not count as refusals: no valid login, an offset that had moved on, or a limit already reached.
_INNOCENT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_EXTENSIONS = "creation,checksum,expiration,termination"


class UploadOut(serializers.Serializer[Any]):
    """An upload. It is over when its state is no longer `open`."""

    id = serializers.CharField()
    station = serializers.CharField(source="station.serial")
    path = serializers.CharField()
    size = serializers.IntegerField(source="octets")
    offset = serializers.IntegerField(source="here", help_text="Bytes that have arrived.")
    sha256 = serializers.CharField()
    state = serializers.ChoiceField(choices=Upload.State.choices)
    reason = serializers.CharField(allow_blank=True, help_text="Why it was refused, or what a whole file waits for.")
    expires_at = serializers.DateTimeField()


class _TusView(APIView):
    """Logins, limits and headers, the same for all views of uploads."""

    authentication_classes = (ApiKeyAuthentication, StationLoginAuthentication, SessionAuthentication)
    throttle_classes = (AskerThrottle, RefusalThrottle)

    def get_permissions(self) -> list[Any]:
        """OPTIONS is open to everybody: it only says what the server supports."""
        return [AllowAny()] if self.request.method == "OPTIONS" else list(super().get_permissions())

    def check_throttles(self, request: Request) -> None:
        """Count a request once, although Django handles each piece twice, before and after writing it."""
        stream = _stream_of(request)
        if stream is None or stream.writer is None:
            super().check_throttles(request)
        else:
            asker_left(request)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002 - the library's signature
        """The features of tus that this server supports."""
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": _EXTENSIONS,
            "Tus-Max-Size": str(FILE_MOST),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }
        return Response(status=HTTPStatus.NO_CONTENT, headers=headers)

    def finalize_response(self, request: Any, response: Any, *args: Any, **more: Any) -> Any:
        """Add the header with the protocol's version, and count refusals."""
        response.headers["Tus-Resumable"] = VERSION
        if 400 <= response.status_code < 500 and response.status_code not in _INNOCENT:
            refusal_count(request)
        return super().finalize_response(request, response, *args, **more)


class Uploads(_TusView):
    """Creation of uploads."""

    @extend_schema(
        operation_id="uploads_create",
        request=None,
        parameters=[
            OpenApiParameter("Tus-Resumable", str, OpenApiParameter.HEADER, enum=[VERSION], required=True),
            OpenApiParameter("Upload-Length", int, OpenApiParameter.HEADER, required=True),
            OpenApiParameter(
                "Upload-Metadata",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description=(
                    "As tus has it, each value in Base64: `sha256` of the whole file; `path` (or `filename`) below the "
                    "data folder; `station`, unless a station's login is used; `modified` (seconds since 1970); "
                    "`resume`, without a value, to go on with an open upload of the same file."
                ),
            ),
        ],
        responses=answers({201: UploadOut}, *WRITE_PROBLEMS, HTTPStatus.PRECONDITION_FAILED),
    )
    def post(self, request: Request) -> Response:
        """Begin an upload. If the content is already stored, `Upload-Offset` is its length: nothing is left to send."""
        sender = _sender_of(request)
        sender_check(sender)
        version_check(request)
        upload = upload_begin(sender=sender, asked=asked_read(request, most=FILE_MOST))
        headers = {"Location": f"{request.path}/{upload.id}", **_place_headers(upload)}
        if ignored := ignored_words(request):
            headers["Upload-Metadata-Ignored"] = ignored
        return Response(_out(upload), status=HTTPStatus.CREATED, headers=headers)


class UploadDetail(_TusView):
    """One upload."""

    @extend_schema(operation_id="uploads_retrieve", responses=answers({200: UploadOut}, *READ_PROBLEMS))
    def get(self, request: Request, upload_id: str) -> Response:
        """Show the progress of an upload, or its outcome."""
        upload = upload_look(upload_find(sender=_sender_of(request), upload_id=upload_id))
        return Response(_out(upload))

    @extend_schema(exclude=True)
    def head(self, request: Request, upload_id: str) -> Response:
        """Return the offset, after any earlier connection has written what it received."""
        upload = upload_find(sender=_sender_of(request), upload_id=upload_id)
        if stream_hand_over(upload_id):
            upload.refresh_from_db(fields=["state", "reason", "expires_at"])
        upload = upload_look(upload)
        if upload.state == Upload.State.REFUSED:
            return Response(status=HTTPStatus.GONE)
        headers = {"Upload-Length": str(upload.octets), "Cache-Control": "no-store", **_place_headers(upload)}
        return Response(status=HTTPStatus.OK, headers=headers)

    @extend_schema(
        operation_id="uploads_update",
        request={(PIECE_TYPE): OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter("Tus-Resumable", str, OpenApiParameter.HEADER, enum=[VERSION], required=True),
            OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, required=True),
            OpenApiParameter(
                "Upload-Checksum", str, OpenApiParameter.HEADER, description=f"One of {', '.join(ALGORITHMS)}."
            ),
        ],
        responses=answers(
            {204: None, (CHECKSUM_MISMATCH, CONTENT_TYPE): OpenApiResponse(Problem, _MISMATCH)},
            *WRITE_PROBLEMS,
            HTTPStatus.PRECONDITION_FAILED,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def patch(self, request: Request, upload_id: str) -> Response:
        """Append bytes at the offset. After the last byte, the file's SHA-256 is checked and the file is stored."""
        upload = upload_find(sender=_sender_of(request), upload_id=upload_id)
        stream = _stream_of(request)
        if stream is not None and stream.writer is not None:
            return _answer_after(upload, stream.writer, stream.trouble)
        version_check(request)
        offset, checksum = offset_read(request), checksum_read(request)
        if upload.state in (Upload.State.STORED, Upload.State.KNOWN) and offset == upload.octets:
            return Response(status=HTTPStatus.NO_CONTENT, headers=_place_headers(upload))
        if stream_hand_over(upload_id, to=stream):
            upload.refresh_from_db(fields=["state", "reason", "expires_at"])
        writer = upload_writer(upload=upload, offset=offset, checksum=checksum)
        if stream is not None:
            stream.writer = writer
            return Response(status=HTTPStatus.NO_CONTENT)
        trouble = None
        try:
            while piece := request._request.read(PIECE):  # noqa: SLF001 - the library has no other name for it
                writer.write(piece)
        except OSError as error:
            trouble = error
        finally:
            writer.finish(is_cut=trouble is not None)
        return _answer_after(upload, writer, trouble)

    @extend_schema(operation_id="uploads_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, upload_id: str) -> Response:
        """End an upload, and delete the bytes that have arrived. A file that is already stored stays."""
        upload = upload_find(sender=_sender_of(request), upload_id=upload_id)
        version_check(request)
        stream_hand_over(upload_id)
        upload_terminate(upload)
        return Response(status=HTTPStatus.NO_CONTENT)


def _stream_of(request: Request) -> Stream | None:
    """The stream that `UploadStreams` writes past Django; None if it does not."""
    plain: HttpRequest = request._request  # noqa: SLF001 - the library has no other name for it
    stream: Stream | None = getattr(plain, "scope", {}).get(NAME)
    return stream


def _sender_of(request: Request) -> UploadSender:
    if isinstance(request.auth, Credential):
        return UploadSender(key=asker_of(request), name=request.auth.username, station=request.auth.station)
    viewer = viewer_of(request)
    return UploadSender(key=asker_of(request), name=viewer.name, viewer=viewer)


def _answer_after(upload: Upload, writer: PartWriter, trouble: OSError | None) -> Response:
    """The answer after bytes were written."""
    if writer.is_wrong:
        body = {
            "type": "about:blank",
            "title": _MISMATCH,
            "status": CHECKSUM_MISMATCH,
            "detail": "These bytes are not what Upload-Checksum says: send them again.",
        }
        return Response(body, status=CHECKSUM_MISMATCH, content_type=CONTENT_TYPE)
    upload = upload_settle(upload)
    if trouble is not None:
        raise Unavailable(f"The disk of the server took only a part: {trouble.strerror}. What has arrived is kept.")
    if upload.state == Upload.State.REFUSED:
        raise FileChanged(upload.reason)
    if writer.is_too_long:
        raise InvalidInput(f"More bytes came than the {upload.octets} of this upload.")
    return Response(status=HTTPStatus.NO_CONTENT, headers=_place_headers(upload))


def _place_headers(upload: Upload) -> dict[str, str]:
    """The headers of tus, plus the state, so that the answer to the last piece reports the outcome."""
    return {
        "Upload-Offset": str(upload_offset(upload)),
        "Upload-Expires": http_date(upload.expires_at.timestamp()),
        "Upload-State": upload.state,
    }


def _out(upload: Upload) -> dict[str, Any]:
    upload.here = upload_offset(upload)  # type: ignore[attr-defined]
    return dict(UploadOut(upload).data)


urlpatterns = [
    path("uploads", Uploads.as_view(), name="uploads"),
    path("uploads/<slug:upload_id>", UploadDetail.as_view(), name="upload"),
]
