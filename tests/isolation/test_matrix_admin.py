"""The admin's addresses, which have one rule: administrators only; and a check that the table lists every address."""

import os

import pytest
from django.urls import NoReverseMatch, reverse
from isolation.access_page import PAGE, page
from isolation.access_table import TABLE, addresses
from isolation.matrix import ACTORS, METHODS, ask
from isolation.matrix_world import actors, world
from people import english

__all__ = ["actors", "english", "world"]

pytestmark = pytest.mark.django_db

#: One actor of each kind is enough here, because no role counts.
ASKING = ("anonymous", "owner", "read-write key", "administrator")
ADMIN_PAGES = sorted({each for each in addresses() if each.is_admin}, key=lambda each: each.pattern)


def test_every_address_is_in_the_table():
    names = {each.name for each in addresses() if not each.is_admin}
    missing = sorted(names - set(TABLE))
    assert missing == [], f"Say in tests/isolation/access_table.py who may what at: {', '.join(missing)}."
    gone = sorted(set(TABLE) - names)
    assert gone == [], f"tests/isolation/access_table.py lists addresses that do not exist: {', '.join(gone)}."


def place_of(address) -> str:
    known = {"object_id": "1", "app_label": "stations", "content_type_id": "1", "url": "x/", "id": "1"}
    arguments = {name: known.get(name, "1") for name in address.parameters}
    try:
        return reverse(address.name, kwargs=arguments)
    except NoReverseMatch:
        try:
            return reverse(address.name, args=list(arguments.values()))
        except NoReverseMatch:
            # Old addresses of change pages are redirects without a name.
            return "/" + address.pattern.replace("<path:object_id>", "1")


@pytest.mark.parametrize("address", ADMIN_PAGES, ids=lambda address: address.pattern)
def test_the_admin_opens_for_administrators_only(world, actors, address):
    if address.pattern.endswith("$"):
        return
    place = place_of(address)
    for actor in (each for each in actors if each.name in ASKING):
        for method in METHODS:
            answer = ask(actor, address, method, place)
            told = f"{actor.name}: {method} {place} answered {answer.status}"
            if actor.name == "administrator":
                assert answer.status < 500, told
                continue
            open_to_all = address.name in ("admin:login", "admin:jsi18n", "admin:logout")
            assert open_to_all or answer.is_login or answer.status in (403, 404, 405), told
            assert answer.changed == [], told
            # The frame names the reader's own organization.
            _, _, content = answer.body.partition("<main")
            assert world.own.word not in (content or answer.body), told
            assert world.foreign.word not in answer.body, told


def test_the_page_of_who_may_what_is_generated_from_the_table(actors):
    assert tuple(actor.name for actor in actors) == ACTORS
    if os.environ.get("ROOST_ACCESS_PAGE") == "write":
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), (
        "Regenerate it: ROOST_ACCESS_PAGE=write ./roost test tests/isolation/test_matrix_admin.py"
    )
