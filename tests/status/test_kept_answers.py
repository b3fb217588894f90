"""Answers for everybody are kept in the process: Django makes each once, gets nothing personal, and may fail meanwhile."""

import asyncio
import gzip

import httpx
import pytest
from people import SERVER, station_of
from site_processes import running

from fleet.organizations.services import organization_create
from fleet.status_pages.services import StatusAsked, status_item_add, status_page_save
from sg_status.status.language import language_asked
from web import kept_answers
from web.kept_answers import KeptAnswers

PAGE = ("status 200 " * 100).encode()


class Origin:
    """An ASGI application in Django's place, which counts its requests; a test sets its answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status, self.control, self.more = 200, b"public, max-age=60", []
        self.gate: asyncio.Event | None = None
        self.waits_for = 0
        self.fails = False

    async def __call__(self, scope, _receive, send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(
            {**headers, "path": scope["path"], "query": scope["query_string"].decode(), "method": scope["method"]}
        )
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise RuntimeError("The database is away.")
        headers = [(b"Cache-Control", self.control), (b"ETag", b'W/"one"'), (b"Content-Type", b"text/html"), *self.more]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE, "more_body": False})


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
def ask(origin):
    """Ask through one keeper of answers. Several requests are made at once: the origin answers when all have come."""
    come: list[str] = []

    def is_kept(path: str) -> bool:
        come.append(path)
        if origin.gate is not None and len(come) == origin.waits_for:
            origin.gate.set()
        return path.startswith("/status/")

    kept = KeptAnswers(origin, is_kept=is_kept, language=language_asked)

    def together(*requests: dict) -> list[httpx.Response]:
        async def go() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=kept)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await asyncio.gather(
                    *(
                        client.request(
                            each.get("method", "GET"), each.get("path", "/status/a/"), headers=each.get("headers")
                        )
                        for each in requests
                    )
                )

        return asyncio.run(go())

    return together


def test_an_answer_is_made_once_and_tells_its_age(origin, ask):
    first, again = ask({})[0], ask({"path": "/status/a/?x=1"})[0]
    assert (first.status_code, first.content, again.content) == (200, PAGE, PAGE)
    assert len(origin.asked) == 1
    assert again.headers["age"].isdigit()
    assert again.headers["vary"] == "Accept-Language, Accept-Encoding"
    assert ask({"path": "/status/b/"})[0].status_code == 200
    assert [one["path"] for one in origin.asked] == ["/status/a/", "/status/b/"]


def test_concurrent_requests_wait_for_the_same_answer(origin, ask):
    origin.gate, origin.waits_for = asyncio.Event(), 20
    answers = ask(*[{}] * 20)
    assert {one.status_code for one in answers} == {200}
    assert len(origin.asked) == 1


def test_nothing_personal_reaches_the_application(origin, ask):
    headers = {
        "cookie": "sessionid=secret", "authorization": "Bearer secret", "if-none-match": "x", "accept-language": "de-CH",
        "x-forwarded-host": "evil.example",
    }  # fmt: skip
    ask({"headers": headers, "method": "HEAD", "path": "/status/a/?q=1"})
    (asked,) = origin.asked
    assert (asked["method"], asked["query"], asked["accept-language"]) == ("GET", "", "de")
    assert set(asked) <= {"method", "query", "path", "accept-language", "host", "user-agent"}


def test_each_language_is_kept_and_others_are_the_default(origin, ask):
    for header in ("de", "de-AT;q=0.9", "en", "tlh", "", "xx" * 5_000):
        ask({"headers": {"accept-language": header}})
    assert [one.get("accept-language") for one in origin.asked] == ["de", "en", None]


def test_unchanged_compressed_and_head(origin, ask):
    for tag in ('W/"one"', '"zero", "one"', "*"):
        same = ask({"headers": {"if-none-match": tag}})[0]
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", 'W/"one"')
        assert same.headers["cache-control"] == "public, max-age=60"
    assert ask({"headers": {"if-none-match": '"two"'}})[0].status_code == 200
    for coding, is_zipped in (("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False)):
        answer = ask({"headers": {"accept-encoding": coding}})[0]
        assert (answer.headers.get("content-encoding") == "gzip", answer.content) == (is_zipped, PAGE)
        assert int(answer.headers["content-length"]) == (
            len(gzip.compress(PAGE, 6, mtime=0)) if is_zipped else len(PAGE)
        )
    head = ask({"method": "HEAD", "headers": {"accept-encoding": "identity"}})[0]
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PAGE)))
    assert len(origin.asked) == 1


def test_what_is_not_for_everybody_is_passed_on_and_not_kept(origin, ask):
    for status, control, more in (
        (404, b"public, max-age=60", []),
        (200, b"private", []),
        (200, b"max-age=60", []),
        (200, b"public, max-age=60", [(b"Set-Cookie", b"csrftoken=x")]),
    ):
        origin.asked.clear()
        origin.status, origin.control, origin.more = status, control, more
        assert [ask({})[0].status_code for _ in range(2)] == [status] * 2
        assert len(origin.asked) == 2
    # Other addresses and methods go past it, with all their headers.
    origin.asked.clear()
    ask({"path": "/elsewhere/", "headers": {"cookie": "a=b"}}, {"method": "POST", "headers": {"cookie": "a=b"}})
    assert [one["cookie"] for one in origin.asked] == ["a=b"] * 2


def test_an_old_answer_stands_in_while_the_application_fails(origin, ask, monkeypatch, caplog):
    monkeypatch.setattr(kept_answers, "KEPT_S", -1.0)
    assert ask({})[0].status_code == 200
    origin.status = 500
    assert ask({})[0].content == PAGE
    assert "stands in" in caplog.text
    origin.fails = True
    assert ask({})[0].status_code == 200
    monkeypatch.setattr(kept_answers, "STANDS_IN_S", -1.0)
    with pytest.raises(RuntimeError, match="away"):
        ask({})
    origin.fails = False
    assert ask({})[0].status_code == 500
    # Switched off: the old one does not come back with the next failure.
    monkeypatch.setattr(kept_answers, "STANDS_IN_S", 900.0)
    origin.status = 404
    assert ask({})[0].status_code == 404
    origin.status = 500
    assert ask({})[0].status_code == 500


def test_only_so_many_are_kept(origin, ask, monkeypatch):
    monkeypatch.setattr(kept_answers, "ANSWERS_MOST", 2)
    for name in ("a", "b", "c", "c", "b", "a"):
        ask({"path": f"/status/{name}/"})
    assert [one["path"] for one in origin.asked] == ["/status/a/", "/status/b/", "/status/c/", "/status/a/"]
    monkeypatch.setattr(kept_answers, "OCTETS_MOST", 10)
    origin.asked.clear()
    for _ in range(2):
        assert ask({"path": "/status/large/"})[0].content == PAGE
    assert len(origin.asked) == 2


@pytest.mark.django_db(transaction=True)
def test_a_site_process_keeps_the_page(tmp_path):
    institute = organization_create(name="Institute", owner=None)
    asked = StatusAsked(slug="field", title="Field stations", is_on=True)
    page = status_page_save(actor=SERVER, organization=institute, asked=asked)
    status_item_add(actor=SERVER, page=page, name="Ridge", station=station_of(institute))
    with running(tmp_path, "site") as site, httpx.Client(base_url=site.site, trust_env=False) as client:
        address = "/status/field/status.json"
        first = client.get(address, headers={"cookie": "sessionid=x", "accept-language": "de"})
        assert (first.status_code, first.headers["content-encoding"]) == (200, "gzip")
        assert (first.json()["title"], first.headers["content-language"]) == ("Field stations", "de")
        assert "set-cookie" not in first.headers
        # Its moment is in it, so another one would have another tag.
        again = client.get(address, headers={"accept-language": "de", "if-none-match": first.headers["etag"]})
        assert again.status_code == 304
        assert client.head("/status/field/digit").headers["content-length"] == "1"
