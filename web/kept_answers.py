"""Answers that are the same for everybody, kept in memory for seconds, so that a process serves thousands a second.

However many people ask, Django renders each such page at most once per `KEPT_S` and language:

asked ──kept, fresh──▶ answer
  └──▶ one request to Django, for all callers ──public, 200──▶ kept ──▶ answer
                                                ├──5xx, and an old one is kept──▶ the old one, with its age
                                                └──anything else──▶ passed on, not kept

This ASGI middleware passes no cookies or logins to Django, so nothing personal can be kept. It answers conditional and
compressed requests itself. The query is ignored, because otherwise anybody could fill the memory.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

from django.utils.http import parse_etags

from fleet.core.requests.door import Application, Message, Receive, Scope, Send
from rest_api.streams import nothing_more

#: Seconds for which an answer is reused, and for which an old one is used while Django fails.
KEPT_S: Final = 30.0
STANDS_IN_S: Final = 900.0
#: Maximum number of kept answers, and maximum bytes of one.
ANSWERS_MOST: Final = 256
OCTETS_MOST: Final = 400_000
#: Request headers that are passed on to Django.
_PASSED: Final = frozenset({b"host", b"user-agent"})
#: Shorter bodies are not worth compressing.
_GZIP_FROM: Final = 200

Headers: TypeAlias = list[tuple[bytes, bytes]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptAnswer:
    """An answer from Django, and when it was made, by the process's monotonic clock."""

    status: int
    headers: Headers
    body: bytes
    made_at: float = field(default_factory=time.monotonic)

    def header(self, name: bytes) -> bytes:
        """A header's value; empty if there is none."""
        return next((value for key, value in self.headers if key == name), b"")

    @property
    def is_for_everybody(self) -> bool:
        """Whether it may be kept: a 200 of limited size that Django marked as public, without a cookie."""
        said = [part.strip() for part in self.header(b"cache-control").decode("latin-1").lower().split(",")]
        is_small = len(self.body) <= OCTETS_MOST
        return self.status == 200 and "public" in said and not self.header(b"set-cookie") and is_small

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.made_at

    @cached_property
    def zipped(self) -> bytes | None:
        """The compressed body; None if it is too short to be worth compressing."""
        return gzip.compress(self.body, 6, mtime=0) if len(self.body) >= _GZIP_FROM else None


class KeptAnswers:
    """ASGI middleware that keeps answers.

    `is_kept` says whether answers at a path may be kept; `language` picks the language for an Accept-Language header.
    """

    def __init__(
        self, application: Application, *, is_kept: Callable[[str], bool], language: Callable[[str], str]
    ) -> None:
        self._application = application
        self._is_kept = is_kept
        self._language = language
        self._kept: OrderedDict[tuple[str, str], KeptAnswer] = OrderedDict()
        self._making: dict[tuple[str, str], asyncio.Task[KeptAnswer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not self._is_kept(scope["path"]):
            return await self._application(scope, receive, send)
        key = (scope["path"], self._language(_header(scope, b"accept-language")))
        kept = self._kept.get(key)
        if kept is None or kept.age > KEPT_S:
            kept = await self._made(key, scope, kept)
        return await _give(kept, scope, send)

    async def _made(self, key: tuple[str, str], scope: Scope, old: KeptAnswer | None) -> KeptAnswer:
        """A new answer, or the old one if Django fails. Callers at the same time share one request to Django."""
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, scope))
            making.add_done_callback(lambda _task: self._making.pop(key, None))
        try:
            # A caller that disconnects must not cancel the request for the others.
            made = await asyncio.shield(making)
        except Exception:
            if old is None or old.age > STANDS_IN_S:
                raise
            _log.exception("%s could not be made; an answer of %.0f s ago stands in.", key[0], old.age)
            return old
        if made.status >= 500 and old is not None and old.age <= STANDS_IN_S:
            _log.error("%s could not be made (%d); an answer of %.0f s ago stands in.", key[0], made.status, old.age)
            return old
        return made

    async def _make(self, key: tuple[str, str], scope: Scope) -> KeptAnswer:
        path, language = key
        asked = [(name, value) for name, value in scope["headers"] if name in _PASSED]
        if language:
            asked.append((b"accept-language", language.encode()))
        answer = _Taken()
        await self._application(
            {**scope, "method": "GET", "path": path, "query_string": b"", "headers": asked},
            nothing_more(),
            answer.take,
        )
        made = KeptAnswer(answer.status, answer.headers, b"".join(answer.body))
        if made.is_for_everybody:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > ANSWERS_MOST:
                self._kept.popitem(last=False)
        elif made.status < 500:
            # The page was switched off or deleted: its old answer must not come back if Django fails later.
            self._kept.pop(key, None)
        return made


class _Taken:
    """Collects Django's answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.body: list[bytes] = []

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        else:
            self.body.append(message.get("body", b""))


async def _give(kept: KeptAnswer, scope: Scope, send: Send) -> None:
    """Send the answer to one caller: whole, compressed, or as a 304 if the caller already has it."""
    headers = [(name, value) for name, value in kept.headers if name not in (b"content-length", b"vary")]
    body, status = kept.body, kept.status
    if kept.is_for_everybody:
        headers.append((b"age", str(int(kept.age)).encode()))
        headers.append((b"vary", b"Accept-Language, Accept-Encoding"))
        if _is_known(kept, _header(scope, b"if-none-match")):
            headers = [(name, value) for name, value in headers if name != b"content-type"]
            status, body = 304, b""
        elif kept.zipped is not None and _takes_gzip(_header(scope, b"accept-encoding")):
            headers.append((b"content-encoding", b"gzip"))
            body = kept.zipped
    elif vary := kept.header(b"vary"):
        headers.append((b"vary", vary))
    if status != 304:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False})


def _is_known(kept: KeptAnswer, header: str) -> bool:
    """Whether If-None-Match names this answer. The comparison is weak, as RFC 9110 requires."""
    own = kept.header(b"etag").decode("latin-1").removeprefix("W/")
    known: Iterable[str] = parse_etags(header) if header else ()
    return any(tag == "*" or tag.removeprefix("W/") == own for tag in known)


def _takes_gzip(header: str) -> bool:
    for part in header.split(","):
        coding, _mark, weight = part.strip().lower().partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _header(scope: Scope, name: bytes) -> str:
    return next((bytes(value).decode("latin-1") for key, value in scope["headers"] if key == name), "")
