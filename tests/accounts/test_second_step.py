"""The second login step: an app's codes, recovery codes, and the confirmation required before either changes."""

import re

import pytest
from accounts.plovers import PASSWORD, is_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
STEP = "/accounts/second-factor/login/"


def code_of(secret: str) -> str:
    return f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06}"


@pytest.mark.django_db(transaction=True)
def test_an_app_is_added_after_the_password_once_more(transactional_db, plover, log_in, mailoutbox):
    client, _answer = log_in()
    asked = client.get("/accounts/second-factor/app/add/")
    assert asked.url.startswith("/accounts/reauthenticate/")
    client.post(asked.url, {"password": PASSWORD})
    page = client.get("/accounts/second-factor/app/add/").content.decode()
    assert 'src="data:image/svg+xml' in page
    (secret,) = re.findall(r"<code>([A-Z2-7]{32})</code>", page)
    wrong = client.post("/accounts/second-factor/app/add/", {"code": "000000"})
    assert "This code is wrong" in wrong.content.decode()
    done = client.post("/accounts/second-factor/app/add/", {"code": code_of(secret)})
    assert done.url == "/accounts/second-factor/codes/"
    assert len(re.findall(r"\b\d{8}\n", client.get(done.url).content.decode())) == 10
    assert "Authenticator app added on Roost" in [mail.subject for mail in mailoutbox]
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))


def test_with_an_app_the_password_alone_opens_nothing(plover, log_in, app):
    client, answer = log_in(next="/stations/")
    assert answer.url == STEP
    assert not is_logged_in(client)
    assert client.get("/admin/").status_code == 302
    page = client.post(STEP, {"code": "123456"}).content.decode()
    assert "This code is wrong" in page
    answer = client.post(STEP, {"code": code_of(app)})
    assert answer.url == "/stations/"
    assert is_logged_in(client)


def test_a_code_works_once(plover, log_in, app):
    code = code_of(app)
    first, _answer = log_in()
    assert first.post(STEP, {"code": code}).status_code == 302
    second, _answer = log_in()
    assert second.post(STEP, {"code": code}).status_code == 200
    assert not is_logged_in(second)


def test_a_recovery_code_opens_once(plover, log_in, app, recovery_codes):
    first, _answer = log_in()
    assert first.post(STEP, {"code": recovery_codes[0]}).status_code == 302
    assert is_logged_in(first)
    second, _answer = log_in()
    second.post(STEP, {"code": recovery_codes[0]})
    assert not is_logged_in(second)


def test_a_password_reset_does_not_bypass_the_second_step(plover, app, link, mailoutbox):
    browser = Client()
    browser.post("/accounts/password/reset/", {"email": "plover@example.org"})
    form = browser.get(link(), follow=True)
    answer = browser.post(
        form.redirect_chain[-1][0], {"password1": "another long one", "password2": "another long one"}
    )
    assert answer.url == STEP
    assert not is_logged_in(browser)


def test_an_administrator_with_an_app_comes_in_with_both(log_in, plover, app):
    User.objects.filter(pk=plover.pk).update(is_superuser=True, is_staff=True)
    client, _answer = log_in(next="/admin/")
    assert client.get("/admin/").status_code == 302
    client.post(STEP, {"code": code_of(app)})
    assert client.get("/admin/").status_code == 200


def test_taking_the_app_away_asks_again_and_is_told(plover, log_in, app, mailoutbox):
    client, _answer = log_in()
    client.post(STEP, {"code": code_of(app)})
    asked = client.post("/accounts/second-factor/app/remove/")
    assert "reauthenticate" in asked.url
    assert Authenticator.objects.exists()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/second-factor/app/remove/")
    assert not Authenticator.objects.exists()
    assert mailoutbox[-1].subject == "Authenticator app removed on Roost"


def test_secrets_outlive_a_change_of_the_sites_key(plover, log_in, app, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key of the site " * 3
    client, _answer = log_in()
    assert client.post(STEP, {"code": code_of(app)}).status_code == 302


def test_without_the_site_s_key_every_code_is_wrong_and_nothing_breaks(plover, log_in, app, settings):
    settings.SECRET_KEY = "a key that nobody kept " * 3
    client, _answer = log_in()
    assert client.post(STEP, {"code": code_of(app)}).status_code == 200
    assert client.post(STEP, {"code": "000000"}).status_code == 200


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "{}",
        "[]",
        "1",
        "null",
        '"a"',
        "{",
        '{"id": 1}',
        '{"rawId": "!", "id": "a", "type": "public-key", "response": {}}',
    ],
)
def test_an_invalid_passkey_is_refused_in_words(plover, log_in, credential):
    anonymous = Client(raise_request_exception=False)
    anonymous.get("/accounts/passkeys/login/", headers={"Accept": "application/json"})
    assert anonymous.post("/accounts/passkeys/login/", {"credential": credential}).status_code == 302
    client, _answer = log_in(client=Client(raise_request_exception=False))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/passkeys/add/")
    answer = client.post("/accounts/passkeys/add/", {"name": "key", "credential": credential})
    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_the_passkey_of_somebody_else_is_not_there(plover, log_in, operator):
    theirs = Authenticator.objects.create(user=operator.user, type=Authenticator.Type.WEBAUTHN, data={})
    client, _answer = log_in()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for what in ("remove", "rename"):
        for method in (client.get, client.post):
            assert method(f"/accounts/passkeys/{theirs.pk}/{what}/").status_code == 404
            assert method(f"/accounts/passkeys/{theirs.pk + 1}/{what}/").status_code == 404
