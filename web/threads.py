"""Threads of the site: each request has one to itself. Threads are kept, and with them their database connections.

    request comes ──▶ a free thread, or a new one ──▶ all of Django, in that thread ──▶ it is free once its work is over
                                                                                       └── enough are free: it ends

Django's own handler starts a thread for each request and ends it afterwards. The database connection ends with it, and
opening another for the next request was half the cost of a small one. It also switches between the thread and the
event loop for each middleware, although no middleware here does anything in the event loop.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: Maximum free threads that are kept. For each one's connection PostgreSQL runs a process.
KEPT_MOST: Final = 8


class RequestThread(ThreadPoolExecutor):
    """One thread that runs its tasks one after another."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="request")
        #: The task submitted last: when it is done, all are.
        self.last: Future[Any] = Future()
        self.last.set_result(None)

    def submit(self, act: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Add a task."""
        self.last = super().submit(act, *arguments, **named)
        return self.last


class FreeThreads:
    """Threads waiting for a request. The one used last is taken first, because its connection is the freshest."""

    def __init__(self, most: int = KEPT_MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._free: list[RequestThread] = []

    def take(self) -> RequestThread:
        """Remove and return a free thread, or start one."""
        with self._lock:
            return self._free.pop() if self._free else RequestThread()

    def give_back(self, thread: RequestThread) -> None:
        """Keep or end a thread once its work is over: after a caller has gone, it may go on for a while."""
        thread.last.add_done_callback(lambda _: self._keep_or_end(thread))

    def _keep_or_end(self, thread: RequestThread) -> None:
        with self._lock:
            is_kept = len(self._free) < self._most
            if is_kept:
                self._free.append(thread)
        if not is_kept:
            thread.shutdown(wait=False)


class SiteHandler(ASGIHandler):
    """Django's handler, with kept threads, and with all middleware and the view in a single call."""

    def __init__(self) -> None:
        self._threads = FreeThreads()
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - Django's signature
        """Load all middleware as synchronous code."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise ValueError(f"The site answers HTTP, not {scope['type']}.")
        thread = self._threads.take()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            self._threads.give_back(thread)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Let all middleware and the view answer in the request's thread."""
        answer: HttpResponseBase = await sync_to_async(self.get_response)(request)
        return answer
