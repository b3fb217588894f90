"""The live process, tried by every actor with every method, against the access table; and streams that end with the
permission.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from isolation.access_table import ANYONE, LIVE, OPERATOR, OWNER, PERSON, VIEWER
from isolation.matrix import METHODS
from people import SERVER, Role, elsewhere, english, institute, key_of, person, serial_new, station_of
from site_processes import Running, running
from waiting import PATIENCE_S

from fleet.core.live import live_announce
from fleet.organizations.access import viewer_of_user
from fleet.organizations.deletion import organization_delete
from fleet.organizations.keys import api_key_find, api_key_revoke
from fleet.organizations.members import member_remove
from fleet.organizations.models import Organization
from fleet.stations.keys import api_key_create

__all__ = ["elsewhere", "english", "institute"]

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds within which a stream must end once the permission is gone; less than the interval between keep-alives.
BEATS_MOST = 8


@dataclass
class Asker:
    """Somebody who makes requests, with a rank in the organization concerned."""

    name: str
    rank: int
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def live(tmp_path) -> Iterator[Running]:
    with running(tmp_path, "live") as made:
        yield made


def cookies_of(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"sessionid": client.cookies["sessionid"].value}


def key(name: str, secret: str) -> Asker:
    return Asker(name, ANYONE, headers={"Authorization": f"Bearer {secret}"})


def askers_of(institute: Organization, elsewhere: Organization, serial: str) -> list[Asker]:
    gone = Organization.objects.create(name="Gone", slug="gone", created_at=institute.created_at)
    revoked = key_of(institute)
    found = api_key_find(secret=revoked)
    assert found is not None
    api_key_revoke(api_key=found)
    limited = api_key_create(organization=institute, name="one", is_read_only=True, serials=[serial])[1]
    late = person("late", (gone, Role.OWNER))
    organization_delete(organization=gone, typed="Gone", actor=viewer_of_user(late))
    people = [
        ("stranger", PERSON, person("stranger", (elsewhere, Role.OWNER))),
        ("viewer of another", PERSON, person("other-viewer", (elsewhere, Role.VIEWER))),
        ("of a deleted organization", PERSON, late),
        ("viewer", VIEWER, person("viewer", (institute, Role.VIEWER))),
        ("operator", OPERATOR, person("operator", (institute, Role.OPERATOR))),
        ("owner", OWNER, person("owner", (institute, Role.OWNER))),
        ("administrator", OWNER, User.objects.create_superuser("root")),
    ]
    return [
        Asker("anonymous", ANYONE),
        Asker("made-up session", ANYONE, cookies={"sessionid": "x" * 32}),
        *(Asker(name, rank, cookies=cookies_of(user)) for name, rank, user in people),
        key("read-only key", key_of(institute)),
        key("read-write key", key_of(institute, write=True)),
        key("key for one station", limited),
        key("revoked key", revoked),
    ]


def ask(live: Running, asker: Asker, method: str, place: str) -> tuple[int, str]:
    """The status, and the words of a refusal; a stream is closed at once."""
    with (
        httpx.Client(
            trust_env=False, timeout=PATIENCE_S, cookies=dict(asker.cookies), headers=dict(asker.headers)
        ) as client,
        client.stream(method, f"{live.live}/{place}") as answer,
    ):
        return answer.status_code, "" if answer.status_code == 200 else answer.read().decode()


def test_everybody_gets_what_the_table_says_and_no_more(live, institute, elsewhere):
    serial, nothing = station_of(institute).serial, serial_new()
    askers, faults = askers_of(institute, elsewhere, serial), []
    for place, line in LIVE.items():
        for asker in askers:
            for method in METHODS:
                status, words = ask(live, asker, method, place.replace("<serial>", serial))
                rule = line.methods.get(method)
                wanted = 405 if rule is None else 200 if asker.rank >= rule else 403
                if status != wanted:
                    faults.append(f"{asker.name}: {method} {place} answered {status}, not {wanted}")
                if status == 403 and ask(live, asker, method, place.replace("<serial>", nothing)) != (status, words):
                    faults.append(f"{asker.name}: {method} {place} is answered otherwise than for no station")
    assert faults == []
    assert {ask(live, asker, "GET", "live/nothing")[0] for asker in askers} == {404}


@contextmanager
def open_stream(live: Running, user: User, place: str) -> Iterator[Iterator[str]]:
    """Open a stream and yield its lines."""
    timeout = PATIENCE_S
    with (
        httpx.Client(trust_env=False, timeout=timeout, cookies=cookies_of(user)) as client,
        client.stream("GET", f"{live.live}/{place}") as answer,
    ):
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert next(lines) == "retry: 5000"
        yield lines


def until_end(lines: Iterator[str]) -> Iterator[str]:
    """The rest of a stream, which ends by itself."""
    beats = 0
    for line in lines:
        beats += line.startswith(": beat")
        assert beats < BEATS_MOST, "the stream goes on"
        yield line


def membership_ends(institute: Organization, user: User) -> None:
    member_remove(organization=institute, username=user.username, actor=SERVER)


def organization_ends(institute: Organization, user: User) -> None:
    organization_delete(organization=institute, typed=institute.name, actor=SERVER)


def session_ends(institute: Organization, user: User) -> None:
    Session.objects.all().delete()


def password_changes(institute: Organization, user: User) -> None:
    user.set_password("another one, and a long one")
    user.save(update_fields=["password"])


def account_ends(institute: Organization, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


ENDS = [membership_ends, organization_ends, session_ends, password_changes, account_ends]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_an_open_stream_ends_with_the_right_to_it(live, institute, end: Any):
    station, user = station_of(institute), person("viewer", (institute, Role.VIEWER))
    stays = person("other", (institute, Role.VIEWER))
    with (
        open_stream(live, user, "live/fleet") as fleet,
        open_stream(live, user, f"live/stations/{station.serial}") as own,
    ):
        end(institute, user)
        assert not [line for lines in (fleet, own) for line in until_end(lines) if line.startswith("event: changed")]
    if end in (membership_ends, account_ends):
        with open_stream(live, stays, "live/fleet") as others:
            live_announce(changed={institute.id: [station.serial]})
            assert any(station.serial in line for line in others)


def test_a_stream_goes_on_while_the_right_to_it_lasts(live, institute):
    station, user = station_of(institute), person("viewer", (institute, Role.VIEWER))
    with open_stream(live, user, "live/fleet") as lines:
        # Longer than it takes to check its permissions twice.
        time.sleep(11)
        live_announce(changed={institute.id: [station.serial]})
        assert any(station.serial in line for line in lines)
