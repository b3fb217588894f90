"""`user` on the command line: the password comes on standard input, and misuse gives one sentence and exit code 2."""

import io
import json

import pytest
from accounts.plovers import PASSWORD, is_logged_in
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from people import Role, member_add

from fleet.core.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def say(monkeypatch):
    def call(*words: str, typed: str = PASSWORD) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        out = io.StringIO()
        call_command("user", *words, stdout=out)
        return out.getvalue()

    return call


def test_a_person_added_on_the_command_line_can_log_in_at_once(say, log_in):
    told = json.loads(say("add", "knot", "--email", "Knot@Example.org", "--json"))
    assert told["email"] == "knot@example.org"
    assert told["is_admin"] is False
    assert EmailAddress.objects.get().verified
    client, _answer = log_in("knot")
    assert is_logged_in(client)
    assert AuditEntry.objects.get(action="person.add").subject == "knot"


def test_a_new_password_ends_every_session(say, log_in, plover):
    client, _answer = log_in()
    assert "logged out everywhere" in say("password", "plover", typed="another long one")
    assert not is_logged_in(client)
    client, _answer = log_in(password="another long one")
    assert is_logged_in(client)


def test_people_are_listed_with_what_they_are(say, plover, institute):
    member_add(organization=institute, user=plover, role=Role.OWNER)
    say("add", "admin2", "--email", "two@example.org", "--admin")
    rows = {row["username"]: row for row in json.loads(say("list", "--json"))}
    assert rows["plover"]["organizations"] == ["Institute: owner"]
    assert rows["admin2"]["is_admin"] is True
    assert "administrator" in say("list")
    assert json.loads(say("show", "PLOVER", "--json"))["username"] == "plover"


def test_the_last_administrator_stays(say, plover, capsys):
    say("admin", "plover")
    assert User.objects.get().is_superuser
    with pytest.raises(SystemExit):
        say("admin", "plover", "--end")
    say("add", "admin2", "--email", "two@example.org", "--admin")
    say("admin", "plover", "--end")
    assert not User.objects.get(username="plover").is_superuser
    assert not User.objects.get(username="plover").is_staff


@pytest.mark.parametrize(
    ("words", "typed", "sentence"),
    [
        (("add", "plover", "--email", "other@example.org"), PASSWORD, "already"),
        (("add", "Plover", "--email", "other@example.org"), PASSWORD, "already"),
        (("add", "knot", "--email", "plover@example.org"), PASSWORD, "belongs to somebody"),
        (("add", "knot", "--email", "nothing"), PASSWORD, "valid email"),
        (("add", "a b", "--email", "a@example.org"), PASSWORD, "valid username"),
        (("add", "knot", "--email", "knot@example.org"), "short", "too short"),
        (("add", "knot", "--email", "knot@example.org"), "", "too short"),
        (("password", "nobody"), PASSWORD, "no person"),
        (("show", "nobody"), PASSWORD, "no person"),
    ],
)
def test_wrong_use_is_one_sentence(say, plover, capsys, words, typed, sentence):
    with pytest.raises(SystemExit) as ended:
        say(*words, typed=typed)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert User.objects.count() == 1


def test_a_password_stands_in_no_output_and_no_log(say, caplog):
    said = say("add", "knot", "--email", "knot@example.org") + say("list") + say("show", "knot", "--json")
    assert PASSWORD not in said + caplog.text
    assert Client().get("/login/").status_code == 200
