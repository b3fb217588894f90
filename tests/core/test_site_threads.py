"""Each request runs in a thread of its own; free threads are kept, each with its connection to the database."""

import asyncio
import threading

import pytest
from django.db import connection
from django.http import HttpResponse
from django.urls import path
from waiting import until

from web.threads import FreeThreads, SiteHandler

#: Requests that are in their views now, and the signal that lets them end.
_inside: set[str] = set()
_may_end = threading.Event()


def _where(request):
    """Answer with the thread and the database connection that were used."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    return HttpResponse(f"{threading.get_ident()} {process}")


def _stay(request, name):
    """Wait until the test lets all requests end; then close the connection, which would hold the test's database."""
    _inside.add(name)
    _may_end.wait(30)
    _inside.discard(name)
    connection.close()
    return HttpResponse(str(threading.get_ident()))


def _end(request):
    connection.close()
    return HttpResponse(str(threading.get_ident()))


urlpatterns = [path("where", _where), path("stay/<name>", _stay), path("end", _end)]


@pytest.fixture
def handler(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    _may_end.clear()
    _inside.clear()
    return SiteHandler()


async def _get(handler, address, *, goes_away=None):
    """The body of the answer; with `goes_away`, the caller leaves as soon as that is set."""
    came, body = iter([{"type": "http.request", "body": b"", "more_body": False}]), []

    async def receive():
        for message in came:
            return message
        if goes_away is None:
            await asyncio.Event().wait()
        await goes_away.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        body.append(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "GET",
        "path": address,
        "headers": [(b"host", b"localhost")],
        "query_string": b"",
    }
    await handler(scope, receive, send)
    return b"".join(body).decode()


@pytest.mark.django_db(transaction=True)
def test_the_next_request_has_the_same_thread_and_connection(handler):
    async def both():
        first, second = await _get(handler, "/where"), await _get(handler, "/where")
        await _get(handler, "/end")
        return first, second

    first, second = asyncio.run(both())
    assert first
    assert second == first


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_have_a_thread_each(handler):
    async def all_of_them():
        waiting = [asyncio.create_task(_get(handler, f"/stay/{n}")) for n in range(3)]
        await asyncio.to_thread(until, lambda: len(_inside) == 3)
        _may_end.set()
        return await asyncio.gather(*waiting)

    assert len(set(asyncio.run(all_of_them()))) == 3


@pytest.mark.django_db(transaction=True)
def test_the_thread_of_a_caller_who_went_away_is_not_given_to_others_while_it_works(handler):
    async def go_away():
        gone = asyncio.Event()
        leaving = asyncio.create_task(_get(handler, "/stay/left", goes_away=gone))
        await asyncio.to_thread(until, lambda: "left" in _inside)
        gone.set()
        # It is answered at once, in another thread; in the thread of the one that left it would have to wait.
        answered = await asyncio.wait_for(_get(handler, "/end"), 20)
        assert "left" in _inside
        _may_end.set()
        await leaving
        return answered

    assert asyncio.run(go_away())


def test_only_so_many_free_threads_stay():
    free = FreeThreads(most=2)
    threads = [free.take() for _ in range(3)]
    for thread in threads:
        free.give_back(thread)
    assert [free.take(), free.take()] == [threads[1], threads[0]]
    assert free.take() not in threads
    with pytest.raises(RuntimeError):
        threads[2].submit(int)


def test_a_thread_is_free_when_its_work_is_over():
    free, may_end = FreeThreads(), threading.Event()
    thread = free.take()
    working = thread.submit(may_end.wait, 30)
    free.give_back(thread)
    assert free.take() is not thread
    may_end.set()
    assert working.result(30)
    until(lambda: free.take() is thread)
