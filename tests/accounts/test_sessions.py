"""Sessions: none is carried into a login, a password change ends the others, and no redirect leaves the site."""

import pytest
from accounts.plovers import PASSWORD, is_logged_in
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.test import Client
from people import SERVER, Role, member_add

from fleet.core.models import AuditEntry
from fleet.organizations.models import Membership
from fleet.organizations.people import person_add

pytestmark = pytest.mark.django_db
NEW = {"oldpassword": PASSWORD, "password1": "another long one", "password2": "another long one"}


def test_the_session_of_before_is_none_after(plover, log_in):
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = 1
    session.save()
    before = client.session.session_key
    log_in(client=client)
    after = client.session.session_key
    assert after != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert not is_logged_in(thief)


def test_logging_out_ends_the_session_on_the_server(plover, log_in):
    client, _answer = log_in()
    key = client.session.session_key
    client.post("/logout/")
    thief = Client()
    thief.cookies["sessionid"] = key
    assert not is_logged_in(thief)


def test_a_changed_password_ends_the_other_sessions_and_says_so_by_mail(plover, log_in, mailoutbox):
    here, _answer = log_in()
    there, _answer = log_in()
    assert here.post("/accounts/password/", NEW).status_code == 302
    assert is_logged_in(here)
    assert not is_logged_in(there)
    assert mailoutbox[-1].subject == "Password changed on Roost"
    assert mailoutbox[-1].to == ["plover@example.org"]


def test_a_reset_password_ends_all_sessions(plover, log_in, link, mailoutbox):
    there, _answer = log_in()
    browser = Client()
    browser.post("/accounts/password/reset/", {"email": "plover@example.org"})
    form = browser.get(link(), follow=True)
    browser.post(form.redirect_chain[-1][0], {"password1": NEW["password1"], "password2": NEW["password1"]})
    assert not is_logged_in(there)


def test_a_reset_link_from_before_a_login_is_void(plover, log_in, link, mailoutbox):
    Client().post("/accounts/password/reset/", {"email": "plover@example.org"})
    path = link()
    log_in()
    assert "already used" in Client().get(path, follow=True).content.decode()


def test_sessions_are_listed_and_end_elsewhere_or_everywhere(plover, log_in):
    here, _answer = log_in()
    there, _answer = log_in(client=Client(headers={"User-Agent": "Another Browser"}))
    page = here.get("/accounts/sessions/").content.decode()
    assert "Another Browser" in page
    assert "this device" in page
    here.post("/accounts/sessions/")
    assert is_logged_in(here)
    assert not is_logged_in(there)
    there, _answer = log_in()
    here.post("/accounts/sessions/end/")
    assert not is_logged_in(here)
    assert not is_logged_in(there)


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "///elsewhere.example/",
        "/\\elsewhere.example/",
        "\\\\elsewhere.example",
        "http:elsewhere.example",
        "javascript:alert(1)",
        "http://localhost:9/",
        "http://127.0.0.1/",
        " https://elsewhere.example/",
        "https://localhost:8000@elsewhere.example/",
    ],
)
def test_no_way_back_leads_elsewhere(plover, log_in, target):
    _client, answer = log_in(next=target)
    assert answer.url == "/"
    client, _answer = log_in()
    assert client.get("/login/", {"next": target}).url == "/"
    assert client.post("/logout/", {"next": target}).url == "/login/"
    assert client.post("/language/setlang/", {"next": target, "language": "en"}).url == "/"


def test_the_way_back_on_the_site_works(plover, log_in):
    _client, answer = log_in(next="/stations/?state=late")
    assert answer.url == "/stations/?state=late"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "localhost", "X-Forwarded-Host": "evil.example"}]
)
def test_a_host_that_the_caller_invents_stands_in_no_mail(plover, mailoutbox, settings, headers):
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    answer = Client().post("/accounts/password/reset/", {"email": "plover@example.org"}, headers=headers)
    assert answer.status_code == (400 if headers["Host"] == "evil.example" else 302)
    assert all("evil" not in mail.body and settings.SITE_URL in mail.body for mail in mailoutbox)


def test_mails_lead_to_the_site_also_where_it_is_called_otherwise(plover, mailoutbox, settings):
    settings.ALLOWED_HOSTS = ["*"]
    settings.SITE_URL = "https://roost.example"
    Client().post("/accounts/password/reset/", {"email": "plover@example.org"}, headers={"Host": "evil.example"})
    assert "https://roost.example/accounts/password/reset/" in mailoutbox[0].body
    assert "evil" not in mailoutbox[0].body


def test_mails_speak_the_readers_language(plover, mailoutbox, log_in):
    client, _answer = log_in()
    client.post("/language/setlang/", {"language": "de", "next": "/accounts/"})
    assert "Mein Konto" in client.get("/accounts/").content.decode()
    # Somebody else requests the reset, in English.
    Client(headers={"Accept-Language": "en"}).post("/accounts/password/reset/", {"email": "plover@example.org"})
    assert mailoutbox[-1].subject == "Neues Passwort für Roost setzen"
    # On another device, logging in sets the language.
    other, answer = log_in(client=Client(headers={"Accept-Language": "en"}))
    assert answer.cookies["django_language"].value == "de"
    assert "Mein Konto" in other.get("/accounts/").content.decode()


def test_addresses_are_added_confirmed_and_removed_after_the_password_once_more(plover, log_in, mailoutbox, link):
    client, _answer = log_in()
    asked = client.post("/accounts/addresses/", {"action_add": "1", "email": "second@example.org"})
    assert asked.url.startswith("/accounts/reauthenticate/")
    client.post(asked.url, {"password": PASSWORD}, follow=True)
    assert mailoutbox[-1].to == ["second@example.org"]
    client.post(link())
    assert EmailAddress.objects.get(email="second@example.org").verified
    assert log_in("second@example.org")[1].status_code == 302
    # The primary address cannot be removed.
    client.post("/accounts/addresses/", {"action_remove": "", "email": "plover@example.org"})
    assert EmailAddress.objects.count() == 2
    client.post("/accounts/addresses/", {"action_primary": "", "email": "second@example.org"})
    client.post("/accounts/addresses/", {"action_remove": "", "email": "plover@example.org"})
    assert EmailAddress.objects.get().email == "second@example.org"
    assert User.objects.get().email == "second@example.org"
    # The removed address itself is notified.
    assert ["plover@example.org"] in [mail.to for mail in mailoutbox if mail.subject == "Address changed on Roost"]


def test_an_address_of_somebody_else_is_added_by_nobody_and_nobody_is_told(plover, log_in, mailoutbox):
    person_add(actor=SERVER, username="knot", email="knot@example.org", password=PASSWORD)
    pages = []
    for email in ("knot@example.org", "nobody@example.org"):
        client, _answer = log_in()
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        answer = client.post("/accounts/addresses/", {"action_add": "1", "email": email}, follow=True)
        pages.append(answer.content.decode().count("not confirmed yet"))
        EmailAddress.objects.filter(user=plover, verified=False).delete()
    assert pages[0] == pages[1] == 1


def delete(client, password=PASSWORD):
    client.post("/accounts/reauthenticate/", {"password": password})
    return client.post("/accounts/delete/", follow=True)


def test_deleting_an_account_takes_the_password_once_more(plover, log_in):
    client, _answer = log_in()
    delete(client, "wrong password")
    assert User.objects.exists()
    page = delete(client).content.decode()
    assert "Your account is deleted" in page
    assert not User.objects.exists()
    assert AuditEntry.objects.get(action="person.delete").actor_name == "plover"


def test_the_last_owner_stays_and_is_told_of_which_organization(plover, log_in, institute, elsewhere):
    member_add(organization=institute, user=plover, role=Role.OWNER)
    member_add(organization=elsewhere, user=plover, role=Role.VIEWER)
    client, _answer = log_in()
    page = delete(client).content.decode()
    assert "last owner of Institute" in page
    assert "Elsewhere" not in page
    assert User.objects.filter(username="plover").exists()
    second = person_add(actor=SERVER, username="knot", email="knot@example.org", password=PASSWORD)
    member_add(organization=institute, user=second, role=Role.OWNER)
    delete(client)
    assert not User.objects.filter(username="plover").exists()
    assert Membership.objects.count() == 1
    assert AuditEntry.objects.filter(action="member.leave").count() == 2


def test_the_last_administrator_stays(log_in, db):
    person_add(actor=SERVER, username="plover", email="plover@example.org", password=PASSWORD, is_admin=True)
    client, _answer = log_in()
    assert "last administrator" in delete(client).content.decode()
    assert User.objects.exists()


def test_the_admin_pages_have_no_door_of_their_own(plover, log_in):
    assert Client().get("/admin/").url == "/admin/login/?next=/admin/"
    assert Client().get("/admin/login/?next=/admin/").url == "/login/?next=%2Fadmin%2F"
    assert Client().post("/admin/login/", {"username": "plover", "password": PASSWORD}).status_code == 302
    client, _answer = log_in()
    assert client.get("/admin/login/").status_code == 403
