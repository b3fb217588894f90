"""Signing up and logging in as people do: without scripts, and with passkeys of Chromium's virtual authenticator."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from playwright.sync_api import expect

from fleet.core.models import Mail

pytestmark = pytest.mark.browser
PASSWORD = "a long password"
NAME = "Username or email address"


@pytest.fixture
def watched(browser):
    """A page in a fresh context, and the errors that the browser reported."""

    def make(**options):
        context = browser.new_context(**options)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    return make


@pytest.fixture
def site(processes) -> str:
    # A passkey belongs to a host name, never to an IP address.
    return processes.site.replace("127.0.0.1", "localhost")


def log_in(page, site, name):
    page.goto(f"{site}/login/")
    page.get_by_label(NAME).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def virtual_authenticator(page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_an_account_is_made_without_scripts(watched, site):
    page = watched(java_script_enabled=False)
    page.goto(f"{site}/login/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Username").fill("sanderling")
    page.get_by_label("Email address").fill("sanderling@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    mail = Mail.objects.get()
    (path,) = re.findall(r"/accounts/confirm/\S+", mail.body)
    page.goto(site + path)
    page.get_by_role("button", name="Confirm this address").click()
    expect(page.get_by_role("heading", name="Create an organization")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Create an organization")).to_be_visible()
    assert EmailAddress.objects.get().verified
    page.get_by_role("link", name="sanderling").click()
    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Current Password").fill(PASSWORD)
    page.get_by_label("New Password", exact=True).fill("another long one")
    page.get_by_label("New Password (again)").fill("another long one")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()


def test_a_passkey_is_added_and_opens_alone(watched, site, person):
    page = watched()
    virtual_authenticator(page)
    log_in(page, site, person.name)
    page.goto(f"{site}/accounts/passkeys/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name for it").fill("Field phone")
    page.get_by_role("button", name="Add this passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert Authenticator.objects.filter(type="webauthn").count() == 1
    page.goto(f"{site}/accounts/passkeys/")
    expect(page.get_by_role("rowheader", name="Field phone")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{site}/login/?next=/accounts/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()
    # After the password, the passkey is the second factor.
    page.get_by_role("button", name="Log out").click()
    log_in(page, site, person.name)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main menu")).to_be_visible()
    assert page.complaints == []


def test_a_missing_passkey_is_reported_in_words(watched, site, person):
    page = watched()
    virtual_authenticator(page)
    page.goto(f"{site}/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("The passkey was not used")).to_be_visible()
    assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_accounts_is_wider_than_a_phone(watched, site, person, scheme):
    page = watched(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for address in ("/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/confirm/"):
        narrow(page, site + address)
    log_in(page, site, person.name)
    expect(page.get_by_role("navigation", name="Main menu")).to_be_visible()
    for address in ("", "addresses/", "password/", "sessions/", "second-factor/", "passkeys/", "delete/"):
        narrow(page, f"{site}/accounts/{address}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    for address in ("delete/", "second-factor/app/add/", "passkeys/add/"):
        narrow(page, f"{site}/accounts/{address}")
    assert page.complaints == []


def narrow(page, address):
    page.goto(address)
    page.wait_for_load_state("load")
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0, address
    assert page.locator("h1").count() == 1, address
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]"
        ".filter(field => !field.labels.length).length"
    )
    assert unlabelled == 0, address
