"""The object store: contents in an S3 bucket, sent with their SHA-256 and read back before they count as stored."""

import hashlib
import io
import math
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, ParamSpec, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from fleet.files.store.away import StoreAway, away_of_code, away_silent, away_slow, away_strange, away_wrong

#: Larger contents are sent in parts of this size, and a failed part is retried alone. S3 accepts at most 10,000 parts.
PART = 64_000_000
_PIECE = 1_048_576
_CONNECT_S, _ATTEMPTS = 3.0, 2

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors of the libraries into `StoreAway`; let `FileNotFoundError` and `StoreAway` pass."""
    try:
        yield
    except (StoreAway, FileNotFoundError):
        raise
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in {"BadDigest", "XAmzContentSHA256Mismatch"}:
            raise away_wrong() from error
        raise away_of_code(status, "" if code == str(status) else code) from error
    except ResponseParserError as error:
        raise away_strange() from error
    except (BotoCoreError, HTTPError) as error:
        # The library wraps errors that are raised while it reads the body to send.
        inner = getattr(error, "kwargs", {}).get("error")
        raise (inner if isinstance(inner, StoreAway) else away_silent()) from error


def _telling(function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        with _told():
            return function(*args, **kwargs)

    return told


class ObjectStorage(S3Storage):
    """A bucket as one of Django's storages. All its errors are raised as `StoreAway`.

    It differs from the library's storage in three points: all threads share one client; files are read in place instead
    of being fetched whole when they are opened; and each saved file is read back.
    """

    def __init__(self, *, timeout_s: float, addressing_style: str, **options: Any) -> None:
        config = Config(
            connect_timeout=min(_CONNECT_S, timeout_s),
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            s3={"addressing_style": addressing_style},
            signature_version="s3v4",
            # Stores other than Amazon's know only some checksums, so send only the SHA-256 that is given explicitly.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=32,
        )
        super().__init__(client_config=config, **options)
        self._making, self._made = Lock(), None

    @property
    def connection(self) -> Any:
        """The library's resource, made once: its client may be used by several threads."""
        with self._making:
            if self._made is None:
                self._made = super().connection
            return self._made

    exists = _telling(S3Storage.exists)
    delete = _telling(S3Storage.delete)
    listdir = _telling(S3Storage.listdir)
    get_modified_time = _telling(S3Storage.get_modified_time)

    @_telling
    def size(self, name: str) -> int:
        """Its length in bytes. Raises `FileNotFoundError` if the store itself says that it has no such object."""
        key = self._normalize_name(name)
        try:
            return int(self._client.head_object(Bucket=self.bucket_name, Key=key)["ContentLength"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
        # An answer to HEAD has no body, so it does not say whether the object, the bucket or a proxy's page is missing.
        try:
            answer = self._client.get_object(Bucket=self.bucket_name, Key=key)
        except ClientError as error:
            if error.response["Error"].get("Code") == "NoSuchKey":
                raise FileNotFoundError(name) from error
            raise
        answer["Body"].close()
        return int(answer["ContentLength"])

    def _open(self, name: str, mode: str = "rb") -> BinaryIO:  # noqa: ARG002 - the library's signature
        raw = ObjectReader(self._client, self.bucket_name, self._normalize_name(name), self.size(name))
        return io.BufferedReader(raw, _PIECE)

    @_telling
    def put(self, name: str, path: Path, *, sha256: str, until: float) -> None:
        """Store a file and read it back. `until`: when to give up, by the monotonic clock. Raises `StoreAway`."""
        key, octets = self._normalize_name(name), path.stat().st_size
        with path.open("rb") as file:
            if octets > PART:
                self._put_parts(key, file, octets, until)
            else:
                told = _base64(bytes.fromhex(sha256))
                answer = self._client.put_object(
                    Bucket=self.bucket_name, Key=key, Body=_Part(file, 0, octets, until), ContentLength=octets,
                    ContentType="application/octet-stream", ChecksumAlgorithm="SHA256", ChecksumSHA256=told,
                )  # fmt: skip
                _check_answer(answer, told)
        digest = hashlib.sha256()
        try:
            with self._open(name) as opened:
                while piece := opened.read(_PIECE):
                    _check_time(until)
                    digest.update(piece)
        except FileNotFoundError as error:
            raise away_wrong() from error
        if digest.hexdigest() != sha256:
            raise away_wrong()

    def parts_abort(self, *, before: datetime) -> int:
        """Discard multipart uploads that began before this moment and were never completed; return how many."""
        count = 0
        # The bucket may hold other programs' uploads.
        for folder in ("store", "cold"):
            with _told():
                pages = self._client.get_paginator("list_multipart_uploads").paginate(
                    Bucket=self.bucket_name, Prefix=f"{self._normalize_name(folder)}/"
                )
                for row in (row for page in pages for row in page.get("Uploads", ())):
                    if row["Initiated"] < before:
                        self._abort(row["Key"], row["UploadId"])
                        count += 1
        return count

    def _put_parts(self, key: str, file: BinaryIO, octets: int, until: float) -> None:
        begun = self._client.create_multipart_upload(
            Bucket=self.bucket_name, Key=key, ContentType="application/octet-stream", ChecksumAlgorithm="SHA256"
        )
        upload_id, parts = begun.get("UploadId"), []
        if not upload_id:
            raise away_strange()
        try:
            for number in range(1, math.ceil(octets / PART) + 1):
                begin = (number - 1) * PART
                part = _Part(file, begin, min(PART, octets - begin), until)
                told = _base64(part.digest())
                answer = self._client.upload_part(
                    Bucket=self.bucket_name, Key=key, UploadId=upload_id, PartNumber=number, Body=part,
                    ContentLength=part.octets, ChecksumAlgorithm="SHA256", ChecksumSHA256=told,
                )  # fmt: skip
                _check_answer(answer, told)
                parts.append({"PartNumber": number, "ETag": answer.get("ETag", ""), "ChecksumSHA256": told})
            self._client.complete_multipart_upload(
                Bucket=self.bucket_name, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            # If even this fails, the sweep forgets the parts a day later.
            with suppress(StoreAway):
                self._abort(key, upload_id)
            raise

    @_telling
    def _abort(self, key: str, upload_id: str) -> None:
        self._client.abort_multipart_upload(Bucket=self.bucket_name, Key=key, UploadId=upload_id)

    @property
    def _client(self) -> Any:
        return self.connection.meta.client


class ObjectReader(io.RawIOBase):
    """An object that is read from any position, with at most one piece of it in memory."""

    def __init__(self, client: Any, bucket: str, key: str, octets: int) -> None:
        self._client, self._bucket, self._key, self._octets = client, bucket, key, octets
        self._place = 0
        self._body: Any = None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always: seeking begins another request."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another position, as in a file."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._octets}[whence]
        if place != self._place:
            self._drop()
            self._place = place
        return place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    @_telling
    def readinto(self, buffer: Any) -> int:
        """Read available bytes into the buffer; return how many, 0 at the end. Raises `StoreAway`."""
        if self._place >= self._octets:
            return 0
        if self._body is None:
            self._body = self._ask()
        piece = self._body.read(len(buffer))
        if not piece:
            raise away_silent()
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def close(self) -> None:
        """End the request."""
        self._drop()
        super().close()

    def _ask(self) -> Any:
        asked = f"bytes={self._place}-{self._octets - 1}"
        answer = self._client.get_object(Bucket=self._bucket, Key=self._key, Range=asked)
        # An HTML page instead of the object has no range.
        if answer.get("ContentRange") != f"bytes {self._place}-{self._octets - 1}/{self._octets}":
            answer["Body"].close()
            raise away_strange()
        return answer["Body"]

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


class _Part:
    """A part of a file as the body of a request; reading fails once the time is over."""

    def __init__(self, file: BinaryIO, begin: int, octets: int, until: float) -> None:
        self._file, self._begin, self.octets, self._until = file, begin, octets, until
        self._place = 0

    def read(self, most: int = -1) -> bytes:
        """The next bytes."""
        _check_time(self._until)
        left = self.octets - self._place
        self._file.seek(self._begin + self._place)
        piece = self._file.read(left if most < 0 else min(most, left))
        self._place += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another place in the part."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.octets}[whence]
        return self._place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def digest(self) -> bytes:
        """Its SHA-256."""
        digest = hashlib.sha256()
        while piece := self.read(_PIECE):
            digest.update(piece)
        self.seek(0)
        return digest.digest()


def _check_answer(answer: dict[str, Any], told: str) -> None:
    """Raise `StoreAway` if the answer has a different checksum. Some stores send none: reading back checks these."""
    if answer.get("ChecksumSHA256", told) != told:
        raise away_wrong()


def _check_time(until: float) -> None:
    if time.monotonic() > until:
        raise away_slow()


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
