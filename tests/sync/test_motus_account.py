"""An organization's login at Motus: tried at once, its result in words, never shown again, never locked through us."""

import logging
from datetime import timedelta

import pytest
import time_machine
from people import person

from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.organizations.access import Role
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.models import MotusAccount
from fleet.sync.motus.accounts import account_ask, account_check, account_forget, account_of, account_save, client_of

pytestmark = pytest.mark.django_db
SECRET = "admin-password"


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


def save(owner, institute, login="plover", password=SECRET, projects=()):
    return account_save(actor=owner, organization=institute, login=login, password=password, project_ids=list(projects))


def check(institute):
    return account_check(organization_id=institute.pk)


def test_a_good_login_is_told_with_its_projects(motus, owner, institute):
    save(owner, institute)
    told = check(institute)
    assert told.answer == "Motus accepts the login. Its projects: 1 North Shore, 2 Salt Marsh."
    assert told.projects == {"1": "North Shore", "2": "Salt Marsh"}
    assert not told.is_refused
    assert motus.requests[-1][:2] == ("POST", "user/validate")


def test_a_project_without_rights_is_named(motus, owner, institute):
    save(owner, institute, "warbler", "plain-password", [1, 9])
    assert "no rights in project 9. Its projects: 1 North Shore." in check(institute).answer


def test_a_login_without_projects_says_whom_to_ask(motus, owner, institute):
    save(owner, institute, "dunlin", "lonely-password")
    assert "belongs to no project. Ask the lead" in check(institute).answer


def test_a_wrong_password_is_refused_and_each_refusal_lengthens_the_pause(motus, owner, institute):
    moment = clock.now()
    with time_machine.travel(moment, tick=False):
        save(owner, institute, password="wrong")
        told = check(institute)
        assert (told.is_refused, told.answer) == (
            True,
            "Motus does not accept the login with its password: correct them.",
        )
    with time_machine.travel(moment + timedelta(seconds=30), tick=False), pytest.raises(TooMany):
        save(owner, institute)
    with time_machine.travel(moment + timedelta(seconds=41), tick=False):
        save(owner, institute)
        assert not check(institute).is_refused
        with pytest.raises(TooMany):
            account_ask(actor=owner, organization=institute)
    with time_machine.travel(moment + timedelta(seconds=62), tick=False):
        account_ask(actor=owner, organization=institute)


def test_forgetting_does_not_shorten_the_pause(motus, owner, institute):
    save(owner, institute, password="wrong")
    check(institute)
    account_forget(actor=owner, organization=institute)
    with pytest.raises(TooMany):
        save(owner, institute)
    assert (account_of(institute).login, account_of(institute).sealed_password) == ("", "")
    assert check(institute) is None
    for act in (account_ask, account_forget):
        with pytest.raises(NotFound):
            act(actor=owner, organization=institute)


def test_the_password_is_encrypted_and_nowhere_else(motus, owner, institute, caplog):
    with caplog.at_level(logging.DEBUG):
        account = save(owner, institute)
        check(institute)
    assert SECRET not in account.sealed_password
    assert SECRET not in caplog.text
    assert SECRET not in str(list(AuditEntry.objects.values())) + str(list(OutboxMessage.objects.values()))
    assert OutboxMessage.objects.get().body == {"organization_id": institute.pk}


def test_another_site_key_is_said_and_an_earlier_one_still_opens(motus, owner, institute, settings):
    save(owner, institute)
    first = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    told = check(institute)
    assert (told.is_refused, "enter it again" in told.answer) == (True, True)
    settings.SECRET_KEY_FALLBACKS = [first]
    assert not check(institute).is_refused


def test_an_empty_password_keeps_the_stored_one_of_the_same_login(motus, owner, institute):
    with pytest.raises(InvalidInput):
        save(owner, institute, password="")
    save(owner, institute)
    MotusAccount.objects.update(asked_at=None)
    save(owner, institute, password="", projects=[2])
    assert check(institute).answer.startswith("Motus accepts the login.")
    MotusAccount.objects.update(asked_at=None)
    with pytest.raises(InvalidInput):
        save(owner, institute, login="warbler", password="")


@pytest.mark.parametrize("projects", [[0], [2**31], list(range(1, 30))])
def test_projects_are_numbers_and_few(motus, owner, institute, projects):
    with pytest.raises(InvalidInput):
        save(owner, institute, projects=projects)


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"html": True}, "a web page instead of data"),
        ({"internal_error": True}, "internal error (status 500)"),
        ({"busy_retry_after": 3600}, "asks us to wait"),
        ({"truncated": True}, "cut off"),
        ({"cut": True}, "connection to Motus broke"),
        ({"odd_projects": True}, "in a form that Roost does not know"),
        ({"moved": True}, "Motus has moved (status 301)"),
    ],
)
def test_every_fault_is_a_sentence_and_leaves_the_login_alone(motus, owner, institute, faults, sentence):
    save(owner, institute)
    check(institute)
    motus.faults_set(**faults)
    told = check(institute)
    assert sentence in told.answer
    assert not told.is_refused
    assert told.projects == {"1": "North Shore", "2": "Salt Marsh"}


def test_a_login_that_lost_its_right_is_told(motus, owner, institute):
    save(owner, institute, projects=[2])
    assert "Its projects" in check(institute).answer
    motus.faults_set(lost_project=2)
    assert "no rights in project 2" in check(institute).answer


@pytest.mark.parametrize(
    ("drift", "sentence"),
    [
        (3_600, "This server's clock is 60 min behind Motus' clock"),
        (-900, "This server's clock is 15 min ahead of Motus'"),
    ],
)
def test_a_clock_that_is_wrong_is_told_and_does_not_matter(motus, owner, institute, drift, sentence):
    motus.faults_set(clock_drift_s=drift)
    save(owner, institute)
    told = check(institute).answer
    assert told.startswith("Motus accepts the login.")
    assert sentence in told
    motus.faults_set()
    assert "clock" not in check(institute).answer


def test_a_login_entered_meanwhile_keeps_its_own_answer(motus, owner, institute, monkeypatch):
    save(owner, institute)
    real = client_of

    def swapped(account):
        MotusAccount.objects.update(sealed_password="newer")
        return real(account)

    monkeypatch.setattr("fleet.sync.motus.accounts.client_of", swapped)
    check(institute)
    assert account_of(institute).answer == ""


def test_only_owners_write(motus, operator, institute):
    with pytest.raises(Forbidden):
        save(operator, institute)
    for act in (account_ask, account_forget):
        with pytest.raises(Forbidden):
            act(actor=operator, organization=institute)


def test_the_page_never_shows_the_password(motus, owner, institute, client):
    client.force_login(owner.user)
    place = f"/organizations/{institute.slug}/motus/"
    assert "no login at Motus" in client.get(place).content.decode()
    body = {"login": "plover", "password": SECRET, "projects": "2; 1"}
    assert "is being tried" in client.post(place, body, follow=True).content.decode()
    assert account_of(institute).project_ids == [2, 1]
    check(institute)
    page = client.get(place).content.decode()
    assert "Motus accepts the login. Its projects: 1 North Shore, 2 Salt Marsh." in page
    assert SECRET not in page
    again = client.post(place, {**body, "projects": "x"}).content.decode()
    assert "Enter numbers with commas" in again
    assert SECRET not in again
    assert "The next try is possible" in client.post(place + "try/", follow=True).content.decode()
    assert client.post(place + "forget/").status_code == 302
    assert account_of(institute).login == ""


def test_members_read_what_motus_said_but_no_login(motus, owner, institute, client):
    save(owner, institute)
    check(institute)
    client.force_login(person("reader", (institute, Role.VIEWER)))
    page = client.get(f"/organizations/{institute.slug}/motus/").content.decode()
    assert "Motus accepts the login" in page
    assert "plover" not in page
