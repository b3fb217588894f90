"""Answers that are the same for everybody, kept for some seconds in the process: a site process serves thousands a second.

Behind this ASGI middleware Django sees each such address at most once in `KEPT_S` per language, however many ask:

asked ──kept, fresh──▶ answer
  └──▶ one request to Django, for all who wait ──public, 200──▶ kept ──▶ answer
                                                ├──5xx, and an old one is kept──▶ the old one, with its age
                                                └──anything else──▶ passed on, not kept

Django gets neither cookies nor a login with it, so nothing personal can be kept, and no condition or encoding: those
are answered here. A query is no part of the address, or else anybody could fill the memory.
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

#: Seconds for which an answer is given again, and for which an old one stands in while Django fails.
KEPT_S: Final = 30.0
STANDS_IN_S: Final = 900.0
#: Answers that are kept, and the longest one in octets.
ANSWERS_MOST: Final = 256
OCTETS_MOST: Final = 400_000
#: Headers of a request that Django gets.
_PASSED: Final = frozenset({b"host", b"user-agent"})
#: Shorter bodies are not worth compressing.
_GZIP_FROM: Final = 200

Headers: TypeAlias = list[tuple[bytes, bytes]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptAnswer:
    """An answer of Django's, and when it was made by the process' own clock."""

    status: int
    headers: Headers
    body: bytes
    made_at: float = field(default_factory=time.monotonic)

    def header(self, name: bytes) -> bytes:
        """A header's value; empty if there is none."""
        return next((value for key, value in self.headers if key == name), b"")

    @property
    def is_for_everybody(self) -> bool:
        """Whether Django itself says so, and set no cookie."""
        said = [part.strip() for part in self.header(b"cache-control").decode("latin-1").lower().split(",")]
        is_small = len(self.body) <= OCTETS_MOST
        return self.status == 200 and "public" in said and not self.header(b"set-cookie") and is_small

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.made_at

    @cached_property
    def zipped(self) -> bytes | None:
        """The body compressed, once; None if that is not worth it."""
        return gzip.compress(self.body, 6, mtime=0) if len(self.body) >= _GZIP_FROM else None


class KeptAnswers:
    """ASGI middleware. `is_kept`: whether answers at this path may be kept; `language`: of an Accept-Language header."""

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
        """A new answer, or the old one if Django fails. All who ask meanwhile wait for the same one."""
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, scope))
            making.add_done_callback(lambda _task: self._making.pop(key, None))
        try:
            # Who goes away does not take the answer from the others.
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
            # Switched off or gone: the old one must not come back if Django fails later.
            self._kept.pop(key, None)
        return made


class _Taken:
    """The answer of Django."""

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
    """Send it to one who asks: whole, compressed, or only that it has not changed."""
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
    """Whether one of the tags is the answer's, compared weakly as RFC 9110 asks for If-None-Match."""
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
