"""Login attempts are limited per account and per source address; a forged address changes nothing, and the owner can
always log in.
"""

import pytest
from accounts.plovers import PASSWORD, is_logged_in
from django.core.cache import cache
from django.test import Client

pytestmark = pytest.mark.django_db
BRAKED = "Too many wrong passwords"


WRONG = "wrong password"


def guess(client, login="plover", password=WRONG, **headers):
    answer = client.post("/login/", {"login": login, "password": password}, headers=headers)
    return answer.status_code, answer.content.decode() if answer.status_code != 302 else ""


def from_address(number: int) -> Client:
    return Client(REMOTE_ADDR=f"203.0.113.{number}")


def test_one_account_from_many_sources(plover):
    told = [guess(from_address(number))[1] for number in range(1, 13)]
    assert [BRAKED in page for page in told] == [False] * 10 + [True] * 2
    # The correct password does not log in either, and gets the same answer.
    status, page = guess(from_address(99), password=PASSWORD)
    assert status == 200
    assert BRAKED in page


def test_a_login_in_other_letter_case_is_the_same_account(plover):
    logins = ["plover", "PLOVER", " plover ", "Plover"] * 3
    told = [guess(from_address(n), login=login)[1] for n, login in enumerate(logins)]
    assert sum(BRAKED in page for page in told) == 2


def test_one_source_against_many_accounts(plover):
    source = from_address(1)
    told = [guess(source, login=f"person{number}")[1] for number in range(12)]
    assert [BRAKED in page for page in told] == [False] * 10 + [True] * 2
    # Other sources are not affected.
    assert guess(from_address(2), password=PASSWORD)[0] == 302


def test_a_source_that_the_caller_invents_is_not_believed(plover, settings):
    source = from_address(1)
    told = [guess(source, login=f"person{n}", **{"X-Forwarded-For": f"198.51.100.{n}"})[1] for n in range(12)]
    assert BRAKED in told[-1]


def test_a_browser_that_was_logged_in_before_has_a_brake_of_its_own(plover, log_in):
    known, _answer = log_in()
    known.post("/logout/")
    for number in range(30):
        guess(from_address(number))
    assert BRAKED in guess(from_address(99), password=PASSWORD)[1]
    assert guess(known, password=PASSWORD)[0] == 302
    # The known browser has a limit too.
    known.post("/logout/")
    known.defaults["REMOTE_ADDR"] = "203.0.113.200"
    told = [guess(known)[1] for _ in range(12)]
    assert BRAKED in told[-1]


def test_the_cookie_of_a_known_browser_serves_no_other_person(plover, log_in, transactional_db):
    from people import SERVER

    from fleet.organizations.people import person_add

    person_add(actor=SERVER, username="knot", email="knot@example.org", password=PASSWORD)
    mine, _answer = log_in("knot")
    mine.post("/logout/")
    for number in range(12):
        guess(from_address(number))
    assert BRAKED in guess(mine)[1]


def test_a_forged_cookie_of_a_known_browser_is_ignored(plover):
    for forged in ("1:guessed", "WzEsImEiXQ:1vK:abc", "", "a" * 4000):
        cache.clear()
        clients = [from_address(number) for number in range(11)]
        for client in clients:
            client.cookies["roost_known"] = forged
        assert BRAKED in [guess(client)[1] for client in clients][-1]


def test_a_braked_owner_gets_in_with_the_link_of_a_mail(plover, link, mailoutbox):
    for number in range(12):
        guess(from_address(number))
    owner = from_address(99)
    owner.post("/accounts/password/reset/", {"email": "plover@example.org"})
    form = owner.get(link(), follow=True)
    owner.post(form.redirect_chain[-1][0], {"password1": "another long one", "password2": "another long one"})
    assert is_logged_in(owner)


def test_asking_for_mails_is_braked_by_address_and_by_source(plover, mailoutbox):
    codes = [from_address(n).post("/accounts/password/reset/", {"email": "plover@example.org"}).status_code
             for n in range(5)]  # fmt: skip
    assert codes == [302] * 3 + [429] * 2
    source = from_address(50)
    codes = [source.post("/accounts/password/reset/", {"email": f"p{n}@example.org"}).status_code for n in range(12)]
    assert codes == [302] * 10 + [429] * 2
    assert len(mailoutbox) == 13


def test_signing_up_is_braked_by_source_and_says_when(db):
    source = from_address(1)
    answers = [source.post("/accounts/signup/", {"username": ""}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert "Wait a minute" in answers[-1].content.decode()


def test_codes_of_the_second_step_are_braked(plover, log_in, app):
    client, answer = log_in()
    assert answer.url == "/accounts/second-factor/login/"
    told = [
        client.post(answer.url, {"code": f"{number:06}"}, REMOTE_ADDR=f"203.0.113.{number}").content.decode()
        for number in range(12)
    ]
    assert BRAKED in told[-1]
    assert not is_logged_in(client)
