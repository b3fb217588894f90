"""Signing up, confirming, logging in by name or address, and resetting a lost password."""

import re
from datetime import timedelta

import pytest
from accounts.plovers import PASSWORD, is_logged_in
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from people import Role, member_add

from fleet.core import clock
from fleet.organizations.people import people_prune, sessions_prune

pytestmark = pytest.mark.django_db


def sign_up(client, name="sanderling", email="sanderling@example.org", **more):
    return client.post(
        "/accounts/signup/", {"username": name, "email": email, "password1": PASSWORD, **more}, follow=True
    )


def test_confirming_the_address_after_signing_up_logs_in(mailoutbox, link):
    browser = Client()
    page = sign_up(browser).content.decode()
    assert "Confirm your address" in page
    assert mailoutbox[0].to == ["sanderling@example.org"]
    assert mailoutbox[0].subject == "Confirm your address for Roost"
    assert not is_logged_in(browser)
    assert "Confirm this address" in browser.get(link()).content.decode()
    browser.post(link())
    assert is_logged_in(browser)
    assert EmailAddress.objects.get().verified


def test_without_the_link_nobody_gets_in(log_in, mailoutbox):
    sign_up(Client())
    client, answer = log_in("sanderling")
    assert answer.url == "/accounts/confirm/"
    assert not is_logged_in(client)


def test_the_confirmation_in_another_browser_logs_nobody_in(link, mailoutbox, log_in):
    sign_up(Client())
    other = Client()
    other.post(link())
    assert not is_logged_in(other)
    client, _answer = log_in("sanderling")
    assert is_logged_in(client)
    # Opening the page alone confirms nothing, because mail programs open links on their own.
    sign_up(Client(), "dunlin", "dunlin@example.org")
    Client().get(link())
    assert not EmailAddress.objects.get(email="dunlin@example.org").verified


def test_an_address_that_somebody_has_gets_the_same_answer(plover, mailoutbox):
    known, unknown = Client(), Client()
    answers = [
        sign_up(known, "dunlin", "PLOVER@example.org"),
        sign_up(unknown, "dunlin", "new@example.org"),
    ]
    pages = [re.sub(r'value="[^"]{40,}"', "", answer.content.decode()) for answer in answers]
    pages = [re.sub("(plover|new)@example.org", "", page) for page in pages]
    assert pages[0] == pages[1]
    assert answers[0].redirect_chain == answers[1].redirect_chain
    assert [mail.subject for mail in mailoutbox] == [
        "You already have an account on Roost",
        "Confirm your address for Roost",
    ]
    assert User.objects.filter(username="dunlin").count() == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("username", "plover", "already exists"),
        ("username", "PLOVER", "already exists"),
        ("username", "admin", "can not be used"),
        ("username", "a@b", "cannot contain @"),
        ("username", "a b\r\nBcc: c", "valid username"),
        ("username", "a\0b", "Null characters"),
        ("password1", "password123", "too common"),
        ("password1", "short", "too short"),
        ("email", "no address", "valid email"),
        ("email", "a@example.org\nBcc: b@example.org", "valid email"),
    ],
)
def test_what_cannot_be_taken_is_said_at_the_field(plover, field, value, sentence):
    fields = {"username": "dunlin", "email": "dunlin@example.org", "password1": PASSWORD, field: value}
    answer = Client().post("/accounts/signup/", fields)
    assert answer.status_code == 200
    assert sentence in " ".join(answer.context["form"].errors[field])
    assert User.objects.count() == 1


@pytest.mark.parametrize("mode", ["invited", "closed"])
def test_where_signing_up_is_switched_off_nobody_can(settings, mode, mailoutbox):
    settings.ROOST_SIGNUP = mode
    assert b"signup" not in Client().get("/login/").content
    answer = sign_up(Client())
    assert b'<form method="post"><input' not in answer.content
    assert not User.objects.exists()
    Client().post("/accounts/password/reset/", {"email": "nobody@example.org"})
    assert "signup" not in mailoutbox[0].body


def test_an_invitation_confirms_the_address(settings, mailoutbox):
    settings.ROOST_SIGNUP = "invited"
    browser = Client()
    session = browser.session
    session["account_verified_email"] = "sanderling@example.org"
    session.save()
    assert b'value="sanderling@example.org"' in browser.get("/accounts/signup/").content
    answer = browser.post(
        "/accounts/signup/?next=/invitations/abc/",
        {"username": "sanderling", "email": "sanderling@example.org", "password1": PASSWORD},
    )
    assert answer.url == "/invitations/abc/"
    assert is_logged_in(browser)
    assert mailoutbox == []


@pytest.mark.parametrize("login", ["plover", "PLOVER", " plover ", "plover@example.org", "Plover@Example.ORG"])
def test_name_or_address_opens(plover, log_in, login):
    client, answer = log_in(login)
    assert answer.url == "/"
    assert is_logged_in(client)


def test_only_those_who_choose_it_stay_logged_in(plover, log_in):
    short, _answer = log_in()
    long, _answer = log_in(remember="on")
    assert short.session.get_expire_at_browser_close()
    assert not long.session.get_expire_at_browser_close()
    assert long.session.get_expiry_age() == timedelta(days=14).total_seconds()


def test_a_wrong_password_and_an_unknown_name_are_one_answer(plover, log_in):
    pages = set()
    for login in ("plover", "nobody", "plover@example.org", "nobody@example.org"):
        _client, answer = log_in(login, "wrong password")
        assert answer.status_code == 200
        pages.add(re.sub(r'value="[^"]*"', "", answer.content.decode()))
    assert len(pages) == 1
    assert "Wrong username" in pages.pop()


def test_every_attempt_costs_one_hash(plover, log_in, monkeypatch):
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hasher

    counted = []
    kind = type(get_hasher())
    assert kind.encode is not PBKDF2PasswordHasher.encode or kind is PBKDF2PasswordHasher
    real = kind.encode
    monkeypatch.setattr(kind, "encode", lambda self, *a, **k: counted.append(1) or real(self, *a, **k))
    costs = {}
    for login in ("plover", "nobody", "plover@example.org", "nobody@example.org"):
        counted.clear()
        log_in(login, "wrong password")
        costs[login] = len(counted)
    assert set(costs.values()) == {1}, costs


def test_signing_up_costs_one_hash_for_an_address_that_is_taken_too(plover, monkeypatch):
    from django.contrib.auth.hashers import get_hasher

    counted = []
    kind = type(get_hasher())
    real = kind.encode
    monkeypatch.setattr(kind, "encode", lambda self, *a, **k: counted.append(1) or real(self, *a, **k))
    costs = []
    for name, email in (("dunlin", "plover@example.org"), ("knot", "knot@example.org")):
        counted.clear()
        sign_up(Client(), name, email)
        costs.append(len(counted))
    assert costs == [1, 1]


def test_a_lost_password_is_reset_once(plover, mailoutbox, link):
    browser = Client()
    browser.post("/accounts/password/reset/", {"email": "plover@example.org"})
    first = link()
    form = browser.get(first, follow=True)
    address = form.redirect_chain[-1][0]
    # The address in the address bar is useless elsewhere.
    assert address.endswith("set-password/")
    assert "already used" in Client().get(address).content.decode()
    browser.post(address, {"password1": "another long one", "password2": "another long one"})
    assert is_logged_in(browser)
    again = Client().get(first, follow=True)
    assert "already used" in again.content.decode()
    assert User.objects.get().check_password("another long one")
    assert mailoutbox[-1].subject == "Password changed on Roost"


def test_an_unknown_address_gets_the_same_answer_and_a_mail_that_says_so(plover, mailoutbox):
    pages = []
    for email in ("plover@example.org", "nobody@example.org"):
        answer = Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        pages.append((answer.redirect_chain, re.sub(r'value="[^"]{40,}"', "", answer.content.decode())))
    assert pages[0] == pages[1]
    assert [mail.subject for mail in mailoutbox] == [
        "Set a new password for Roost",
        "No account with this address on Roost",
    ]


def test_the_administrator_of_the_first_start_gets_in(db, log_in):
    from django.core.management import call_command

    User.objects.create_superuser("admin", "admin@localhost", PASSWORD)
    client, answer = log_in("admin")
    assert answer.url == "/"
    assert client.get("/admin/").status_code == 200
    assert EmailAddress.objects.get().verified
    call_command("check")


def test_somebody_without_any_address_gets_in(log_in, db):
    User.objects.create_user("knot", "", PASSWORD)
    client, _answer = log_in("knot")
    assert is_logged_in(client)


def test_who_belongs_nowhere_is_told_what_comes_next(plover, log_in, institute):
    client, _answer = log_in()
    page = client.get("/").content.decode()
    assert "Stations belong to organizations. Create one for your group, or wait for an invitation" in page
    assert "/organizations/add/" in page
    member_add(organization=institute, user=plover, role=Role.VIEWER)
    page = client.get("/").content.decode()
    assert "Create one for your group" not in page
    assert "/organizations/add/" not in page


def test_names_that_nobody_confirmed_come_free_after_a_week(plover, mailoutbox, institute):
    for name in ("knot", "ruff", "dunlin"):
        sign_up(Client(), name, f"{name}@example.org")
    User.objects.create_user("made", "made@example.org")
    User.objects.exclude(username="dunlin").update(date_joined=clock.now() - timedelta(days=8))
    EmailAddress.objects.filter(email="ruff@example.org").update(verified=True)
    assert people_prune() == 1
    assert set(User.objects.values_list("username", flat=True)) == {"plover", "ruff", "dunlin", "made"}


def test_sessions_that_ran_out_are_deleted_with_what_was_noted_of_them(plover, log_in):
    old, _answer = log_in()
    now, _answer = log_in()
    Session.objects.filter(session_key=old.session.session_key).update(expire_date=clock.now() - timedelta(hours=1))
    sessions_prune()
    assert UserSession.objects.get().session_key == now.session.session_key
    assert is_logged_in(now)
