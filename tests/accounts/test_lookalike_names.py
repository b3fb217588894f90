"""Nobody can sign up with a name that looks like another's, nor with an address that folds into another's."""

import pytest
from django.core import mail
from django.test import Client
from people import no_counters, person

__all__ = ["no_counters"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

PLOVER = "plover"
LIKE_PLOVER = [
    "\u0440lover",
    "pl\u043ever",
    "pIover",
    "p1over",
    "PLOVER",
    "pl0ver",
    "\uff50\uff4c\uff4f\uff56\uff45\uff52",
    "\u0440\u04cf\u043ev\u0435r",
]
FOLDED = [
    "mi\u017fe@example.org",
    "m\u0131ke@example.org",
    "m\u0130ke@example.org",
    "a@g\u0131thub.example",
]


def sign_up(name: str, email: str = "new@example.org"):
    form = {"username": name, "email": email, "password1": "canary of the salt meadow 41"}
    return Client(raise_request_exception=False).post("/accounts/signup/", form)


@pytest.mark.parametrize("name", [*LIKE_PLOVER, "\u0440\u04cf\u043ev\u0435r"])
def test_nobody_signs_up_as_somebody_who_is_there(name):
    person(PLOVER)
    assert sign_up(name).status_code == 200
    assert Client().post("/login/", {"login": name, "password": "canary of the salt meadow 41"}).status_code == 200


@pytest.mark.parametrize("name", ["adm1n", "r\u043e\u043et", "r00t", "Supp0rt"])
def test_nor_as_one_of_the_server(name):
    assert sign_up(name).status_code == 200


def test_a_name_like_no_other_is_taken():
    person(PLOVER)
    assert sign_up("dunlin").status_code == 302


@pytest.mark.parametrize("address", FOLDED)
def test_an_address_that_folds_into_anothers_is_refused(address):
    person("mike")
    assert sign_up("dunlin", address).status_code == 200
    page = Client().post("/accounts/password/reset/", {"email": address})
    assert page.status_code == 200
    assert "plain letters" in page.content.decode()
    assert mail.outbox == []
