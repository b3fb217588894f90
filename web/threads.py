"""Threads of the site: each request has one to itself, and threads stay, so that their connections to the database do.

    request comes ──▶ a free thread, or a new one ──▶ all of Django, in that thread ──▶ it is free once its work is over
                                                                                       └── enough are free: it ends

Django's own handler starts a thread for each request and ends it afterwards, and with it the connection, which the next
request has to open again: half of what a small request cost. It also goes to and fro between the thread and the event loop
for each middleware, of which none here has anything to do in the latter.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: Free threads that stay. PostgreSQL has a process for the connection of each.
KEPT_MOST: Final = 8


class RequestThread(ThreadPoolExecutor):
    """One thread, which does what it is given in turn."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="request")
        #: The task that it was given last: when that is done, all are.
        self.last: Future[Any] = Future()
        self.last.set_result(None)

    def submit(self, act: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Give it something to do."""
        self.last = super().submit(act, *arguments, **named)
        return self.last


class FreeThreads:
    """Threads that wait for a request. Those used last come first, as their connections are the freshest."""

    def __init__(self, most: int = KEPT_MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._free: list[RequestThread] = []

    def take(self) -> RequestThread:
        """A thread without any work."""
        with self._lock:
            return self._free.pop() if self._free else RequestThread()

    def give_back(self, thread: RequestThread) -> None:
        """Take it back once its work is over: that of a caller who went away may go on for a while."""
        thread.last.add_done_callback(lambda _: self._keep_or_end(thread))

    def _keep_or_end(self, thread: RequestThread) -> None:
        with self._lock:
            is_kept = len(self._free) < self._most
            if is_kept:
                self._free.append(thread)
        if not is_kept:
            thread.shutdown(wait=False)


class SiteHandler(ASGIHandler):
    """Django's handler, in threads that stay, and in one step through all middleware."""

    def __init__(self) -> None:
        self._threads = FreeThreads()
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - Django's signature
        """Load all of it as synchronous code."""
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
