"""Requests to an address as every actor, with every method; each answer is compared with the access table."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from isolation.access_table import ADMIN, ANYONE, OPERATOR, OWNER, PERSON, VIEWER, Address, Row
from isolation.tenants import Tenant, World, filled

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD", "OPTIONS")
#: Tables that even a refused request may change: sessions, and when a key was last used.
UNTOUCHED_MEANS_NOTHING = ("django_session", "organizations_apikey", "usersessions_usersession")
ACTORS = (
    "anonymous", "stranger", "viewer", "operator", "owner", "administrator", "read-only key", "read-write key",
    "revoked key",
)  # fmt: skip
#: The actors with no rights, with none here, and with most, the last as a person and as a key.
UTMOST = ("anonymous", "stranger", "administrator", "read-write key")
#: Rows written by this transaction, by table, when the last request ended. It is kept because counting takes long.
_WRITTEN: dict[str, int] = {}
_LOGIN = re.compile(r"^/(?:accounts/)?login/|^/admin/login/")
_FRESH = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|csrf-token" content="[^"]*"')


@dataclass
class Actor:
    """A person, key or anonymous client that makes requests. `rank` is its highest rule in the tenant `own` (see
    `access_table.Rule`).
    """

    name: str
    rank: int
    client: Client
    #: May see things of the tenants with these words.
    words: tuple[str, ...]
    cookies: SimpleCookie
    is_key: bool = False
    is_revoked: bool = False


@dataclass
class Answer:
    """An answer, and what the request changed."""

    status: int
    body: str
    location: str
    changed: list[str]
    queries: int

    @property
    def is_login(self) -> bool:
        """Whether it redirects to the login page."""
        return self.status == 302 and bool(_LOGIN.search(self.location))


def actors_of(world: World) -> list[Actor]:
    """All actors, with their ranks in the tenant `own`. Starts the count of writes, so call it before any request."""
    own, foreign = world.own, world.foreign
    both = (own.word, foreign.word)
    made = [
        _person("stranger", PERSON, foreign.people["owner"], (foreign.word,)),
        *(
            _person(rule.name.lower(), rule, own.people[rule.name.lower()], (own.word,))
            for rule in (VIEWER, OPERATOR, OWNER)
        ),
        _person("administrator", ADMIN, world.administrator, both),
        _key("read-only key", VIEWER, own),
        _key("read-write key", OPERATOR, own),
        _key("revoked key", ANYONE, own),
    ]
    writes_count_from_now()
    return [Actor("anonymous", ANYONE, Client(raise_request_exception=False), (), SimpleCookie()), *made]


def _person(name: str, rank: int, user: User, words: tuple[str, ...]) -> Actor:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return Actor(name, rank, client, words, SimpleCookie(client.cookies.output(header="", sep=";")))


def _key(name: str, rank: int, tenant: Tenant) -> Actor:
    headers = {"Authorization": f"Bearer {tenant.keys[name]}"}
    client = Client(raise_request_exception=False, headers=headers)
    is_revoked = name == "revoked key"
    return Actor(
        name, rank, client, () if is_revoked else (tenant.word,), SimpleCookie(), is_key=True, is_revoked=is_revoked
    )


def place_of(address: Address, line: Row, values: Mapping[str, str], others: Mapping[str, str] | None = None) -> str:
    """The address with its parameters filled in; `others` replaces some of them."""
    chosen = {**values, **(others or {})}
    arguments = {}
    for parameter in address.parameters:
        where = line.params.get(parameter, parameter)
        arguments[parameter] = where[1:] if where.startswith("=") else chosen[where]
    try:
        return reverse(address.name, kwargs=arguments)
    except NoReverseMatch:
        return reverse(address.name, args=list(arguments.values()))


def named_values(address: Address, line: Row) -> list[str]:
    """Names of the tenant's values in the address; none for a list or a form."""
    wheres = (line.params.get(parameter, parameter) for parameter in address.parameters)
    return [where for where in wheres if not where.startswith("=")]


def writes_count_from_now() -> None:
    """Start the count of writes. Call this before the first request: later writes are attributed to requests."""
    _WRITTEN.clear()
    _WRITTEN.update(_writes())


def ask(actor: Actor, address: Address, method: str, place: str, *, body: Any = None, query: Any = None) -> Answer:
    """Make one request, and undo whatever it did."""
    cache.clear()
    actor.client.cookies = SimpleCookie(actor.cookies.output(header="", sep=";"))
    options: dict[str, Any] = {"query_params": query} if query else {}
    if method not in SAFE:
        options["data"] = {} if body is None else body
        if address.is_api or method != "POST":
            options["content_type"] = "application/json"
    point = transaction.savepoint()
    try:
        with CaptureQueriesContext(connection) as asked:
            response = getattr(actor.client, method.lower())(place, **options)
            content = b"".join(response.streaming_content) if response.streaming else response.content
    finally:
        connection.needs_rollback = False
        transaction.savepoint_rollback(point)
    written = _writes()
    changed = [table for table, number in written.items() if number != _WRITTEN.get(table, 0)]
    _WRITTEN.clear()
    _WRITTEN.update(written)
    text = _FRESH.sub("", content.decode("utf-8", errors="replace"))
    if response.status_code >= 500 and getattr(response, "exc_info", None):
        text = repr(response.exc_info[1])
    return Answer(response.status_code, text, response.get("Location", ""), changed, len(asked.captured_queries))


def _writes() -> dict[str, int]:
    """Rows written by this transaction, by table; the database counts them, even those rolled back.

    This queries the catalogue: the view `pg_stat_xact_user_tables` would also add up every index of every partition.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, written FROM pg_class, LATERAL (SELECT pg_stat_get_xact_tuples_inserted(oid) "
            "+ pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid) AS written) AS counted "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND written > 0"
        )
        return {str(name): int(number) for name, number in cursor.fetchall() if name not in UNTOUCHED_MEANS_NOTHING}


def faults_of(world: World, actors: list[Actor], address: Address, line: Row) -> Iterator[str]:
    """Every answer of this address that differs from the table, in words."""
    values = world.own.values
    for actor in actors:
        for method in methods_of(actor.name, address, line):
            place = place_of(address, line, values)
            is_told = method not in SAFE and "$" in repr(line.body)
            if actor.name == "stranger" and (named_values(address, line) or is_told):
                answer, faults = unlike_nothing(world, actor, address, line, method)
            else:
                answer, faults = ask(actor, address, method, place, body=filled(line.body, values)), []
            told = f"{actor.name}: {method} {place} answered {answer.status}"
            for fault in judged(actor, address, line, method, answer, world):
                yield f"{told}: {fault}"
            yield from faults
    owner = next(actor for actor in actors if actor.name == "owner")
    yield from mixed_up(world, owner, address, line)
    yield from asked_for_foreign(world, owner, address, line)


def methods_of(name: str, address: Address, line: Row) -> list[str]:
    """The methods to try as the actor of this name.

    HEAD, OPTIONS and methods that the table does not list depend on no role: only the actors with no rights, with none
    here, and with most try them. Keys open no page: there, each is an anonymous client with one more header.
    """
    tried = METHODS if address.is_api or not name.endswith("key") else ("GET", "POST")
    return [method for method in tried if method in line.methods or name in UTMOST]


def judged(actor: Actor, address: Address, line: Row, method: str, answer: Answer, world: World) -> Iterator[str]:
    """Faults in this answer to this actor."""
    if answer.status >= 500:
        yield f"a server error: {answer.body[:300]}"
        return
    for word in {world.own.word, world.foreign.word} - set(actor.words):
        if word in answer.body or word in answer.location:
            yield f"shows {word}, which belongs to a tenant that this actor is not in"
    names = bool(named_values(address, line))
    rule = line.methods.get("GET" if method == "HEAD" else method)
    rank = _rank(actor, address, names=names)
    is_for_people = line.people_only and actor.is_key and method not in SAFE
    may = rule is not None and rank >= rule and not is_for_people
    if answer.changed and (method in SAFE or not may):
        yield f"changed {', '.join(answer.changed)}"
    if rule is None:
        if method != "OPTIONS" and not _is_refused(answer):
            yield "the table does not list this method"
    elif may:
        # The form exists for a stranger, but things of the tenant that its fields name do not.
        is_absent = answer.status == 404 and (line.may_be_absent or (not names and actor.name == "stranger"))
        if rule > ANYONE and not is_absent and (answer.status in (401, 403, 404, 405) or answer.is_login):
            yield "the table allows it"
    else:
        yield from _wrongly_refused(address, answer, rank, is_stranger=names and actor.name == "stranger")


def _wrongly_refused(address: Address, answer: Answer, rank: int, *, is_stranger: bool) -> Iterator[str]:
    if rank == ANYONE:
        if not (answer.status == 401 if address.is_api else answer.is_login):
            yield "who is not logged in must get 401 from the API and the login page from the site"
    elif is_stranger:
        if answer.status != 404:
            yield "to a stranger it must not be there (404)"
    elif answer.status != 403:
        yield "a role too low must get 403"


def _rank(actor: Actor, address: Address, *, names: bool) -> int:
    """This actor's rank here. A key opens no page; a stranger owns another organization, which counts if the address
    names nothing.
    """
    if actor.is_key and not address.is_api:
        return ANYONE
    if actor.name == "stranger" and not names:
        return OWNER
    return actor.rank


def _is_refused(answer: Answer) -> bool:
    return answer.status in (400, 401, 403, 404, 405) or answer.is_login


def unlike_nothing(world: World, actor: Actor, address: Address, line: Row, method: str) -> tuple[Answer, list[str]]:
    """The answer about a thing of another tenant, and its differences from the answer about one that does not exist."""
    sides = (world.own.values, world.nothing)
    places = [place_of(address, line, each) for each in sides]
    bodies = [filled(line.body, each) for each in sides]
    with one_moment():
        answers = [ask(actor, address, method, place, body=body) for place, body in zip(places, bodies, strict=True)]
    what = f"{actor.name}: {method} {places[0]}"
    faults = [*_differences(what, answers, *sides)]
    if answers[0].changed:
        faults.append(f"{what} changed {', '.join(answers[0].changed)}")
    return answers[0], faults


def mixed_up(world: World, owner: Actor, address: Address, line: Row) -> Iterator[str]:
    """Yield faults when one parameter at a time is the other tenant's, and the rest are one's own."""
    names = named_values(address, line)
    for name in names:
        for method in line.methods:
            there, none = ({**world.own.values, name: each[name]} for each in (world.foreign.values, world.nothing))
            body = filled(line.body, world.own.values)
            with one_moment():
                answers = [
                    ask(owner, address, method, place_of(address, line, each), body=body) for each in (there, none)
                ]
            what = f"owner: {method} {address.name} with another's {name}"
            yield from _differences(what, answers, there, none)
            if answers[0].status != 404:
                yield f"{what} answered {answers[0].status}, not 404"
            if world.foreign.word in answers[0].body:
                yield f"{what} shows {world.foreign.word}"


def asked_for_foreign(world: World, owner: Actor, address: Address, line: Row) -> Iterator[str]:
    """Yield faults of one's own address with filters and bodies that name another tenant's things."""
    place = place_of(address, line, world.own.values)
    for query in line.queries:
        sides = (world.foreign.values, world.nothing)
        with one_moment():
            answers = [ask(owner, address, "GET", place, query=filled(query, values)) for values in sides]
        yield from _differences(f"owner: GET {place} with {query}", answers, *sides)
    if "$" not in repr(line.body):
        return
    for method in (method for method in line.methods if method not in SAFE):
        sides = (world.foreign.values, world.nothing)
        with one_moment():
            answers = [ask(owner, address, method, place, body=filled(line.body, values)) for values in sides]
        what = f"owner: {method} {place} with another's {line.body}"
        yield from _differences(what, answers, *sides)
        if answers[0].changed:
            yield f"{what} changed {', '.join(answers[0].changed)}"


def one_moment() -> time_machine.travel:
    """Stop the clock: two answers are compared word by word, and "12 s ago" would differ."""
    return time_machine.travel(datetime.now(UTC), tick=False)


def _differences(what: str, answers: list[Answer], there: Mapping[str, str], none: Mapping[str, str]) -> Iterator[str]:
    found, missing = answers
    if found.status >= 500 or missing.status >= 500:
        yield f"{what}: an error of ours: {found.body[:200]}, {missing.body[:200]}"
    elif found.status != missing.status:
        yield f"{what} answers {found.status} for another's and {missing.status} for nothing"
    elif (one := _plain(found.body, there)) != (other := _plain(missing.body, none)):
        yield f"{what} answers other words for another's than for nothing: {_first(one, other)}"
    if found.queries != missing.queries:
        yield f"{what} takes {found.queries} queries for another's and {missing.queries} for nothing"


def _plain(body: str, values: Mapping[str, str]) -> str:
    """The body without the values from the request itself."""
    for value in sorted(
        {*values.values(), *(quote(value, safe="") for value in values.values())}, key=len, reverse=True
    ):
        if value in body:
            body = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", "?", body)
    return body


def _first(one: str, other: str) -> str:
    """The place where two texts start to differ."""
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{one[max(at - 60, 0) : at + 80]!r} / {other[max(at - 60, 0) : at + 80]!r}"
