"""Reading the headers of tus 1.0, with an error for each that is missing or wrong."""

import base64
import binascii
import math
import re
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from rest_framework.exceptions import APIException, UnsupportedMediaType
from rest_framework.request import Request

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.files.store.uploads import FileAsked

VERSION, PIECE_TYPE = "1.0.0", "application/offset+octet-stream"
ALGORITHMS = ("sha1", "sha256", "md5")
#: Keys of `Upload-Metadata` that this server understands.
_WORDS = frozenset({"station", "path", "filename", "sha256", "modified", "resume"})
_IGNORED_MOST = 10
_NUMBER = re.compile(r"\d{1,18}\Z", re.ASCII)
#: Year 3000. Later times cannot be when a file was modified.
_SECONDS_MOST = 32_503_680_000


class VersionUnknown(APIException):
    """The request names another version of tus, or none."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_detail = f"Send the header `Tus-Resumable: {VERSION}`: this server speaks no other version."


class FileTooLarge(APIException):
    """The file is larger than the store accepts."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class FileChanged(APIException):
    """The bytes of the file are not those that were announced."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY


def version_check(request: Request) -> None:
    """Raise `VersionUnknown` unless the sender speaks our version."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise VersionUnknown


def asked_read(request: Request, *, most: int) -> FileAsked:
    """The sender's description of the file. Raises `InvalidInput` and `FileTooLarge`."""
    octets = _number(request, "Upload-Length")
    if octets > most:
        raise FileTooLarge(f"The file has {octets} bytes; the maximum is {most}.")
    told = _metadata(request.headers.get("Upload-Metadata", ""))
    return FileAsked(
        serial=told.get("station", ""),
        path=told.get("path") or told.get("filename", ""),
        octets=octets,
        sha256=told.get("sha256", "").lower(),
        modified_at=_moment(told.get("modified", "")),
        resumes="resume" in told,
    )


def ignored_words(request: Request) -> str:
    """Unknown keys of the metadata, separated by commas: at most ten, each cut to 40 characters."""
    told = sorted(set(_metadata(request.headers.get("Upload-Metadata", ""))) - _WORDS)
    return ",".join(quote(name[:40]) for name in told[:_IGNORED_MOST]) + (",..." if len(told) > _IGNORED_MOST else "")


def offset_read(request: Request) -> int:
    """The offset of a piece. Raises `InvalidInput`, and `UnsupportedMediaType` for another kind of body."""
    if request.content_type != PIECE_TYPE:
        raise UnsupportedMediaType(str(request.content_type)[:100], f"Send bytes as Content-Type {PIECE_TYPE}.")
    return _number(request, "Upload-Offset")


def checksum_read(request: Request) -> tuple[str, bytes] | None:
    """Algorithm and digest of a piece; None if it has none. Raises `InvalidInput`."""
    told = request.headers.get("Upload-Checksum")
    if told is None:
        return None
    algorithm, _blank, encoded = told.partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidInput(f"Use one of these algorithms: {', '.join(ALGORITHMS)}.", field="Upload-Checksum")
    return algorithm, _decoded(encoded, "Upload-Checksum")


def _metadata(header: str) -> dict[str, str]:
    told = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _blank, encoded = pair.partition(" ")
        try:
            told[name] = _decoded(encoded, "Upload-Metadata").decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"The value of {name[:40]} is not UTF-8.", field="Upload-Metadata") from error
    return told


def _decoded(encoded: str, field: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("A value is not Base64.", field=field) from error


def _number(request: Request, name: str) -> int:
    told = request.headers.get(name, "")
    if not _NUMBER.match(told):
        raise InvalidInput("Give a number of bytes.", field=name)
    return int(told)


def _moment(told: str) -> datetime | None:
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < _SECONDS_MOST:
        raise InvalidInput("Give `modified` in seconds since 1970.", field="Upload-Metadata")
    return clock.from_seconds(seconds)
