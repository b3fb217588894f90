"""`./roost organization …`: its output and its refusals."""

import json
from contextlib import nullcontext

import pytest
from django.core import mail
from django.core.management import call_command
from people import Role, person

from fleet.core.models import AuditEntry
from fleet.organizations.models import Membership, Organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def say(capsys):
    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) if code else nullcontext() as ended:
            call_command("organization", *words)
        assert (ended.value.code if ended else 0) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    return run


def test_an_organization_from_its_beginning_to_its_return(say):
    person("founder")
    assert json.loads(say("add", "Field group", "--owner", "founder", "--json"))["slug"] == "field-group"
    assert say("invite", "Field group", "new@example.org", "--role", "operator").startswith(
        "new@example.org is invited"
    )
    assert mail.outbox[-1].to == ["new@example.org"]
    shown = json.loads(say("show", "field-group", "--json"))
    assert [each["username"] for each in shown["members"]] == ["founder"]
    assert [each["state"] for each in shown["invitations"]] == ["open"]
    assert "invited" in say("show", "Field group")
    assert "--yes" in say("delete", "Field group", code=2)
    assert "exactly" in say("delete", "field-group", "--yes", code=2)
    assert "organization restore field-group" in say("delete", "Field group", "--yes")
    assert json.loads(say("list", "--json")) == []
    assert "no organization" in say("show", "Field group", code=2)
    assert json.loads(say("list", "--deleted", "--json"))[0]["slug"] == "field-group"
    assert "is restored" in say("restore", "field-group")
    assert Organization.objects.get().deleted_at is None
    assert set(AuditEntry.objects.values_list("actor_name", flat=True)) == {"command line"}


def test_members_from_the_command_line_and_the_owner_who_stays(say, institute, owner):
    person("new")
    assert "new in Institute is operator" in say("member", "Institute", "new", "--role", "operator")
    assert "only owner" in say("member", "Institute", "owner", "--remove", code=1)
    assert "only owner" in say("member", "Institute", "owner", "--role", "viewer", code=1)
    assert json.loads(say("member", "Institute", "new", "--remove", "--json"))["role"] is None
    assert "has no member" in say("member", "Institute", "new", "--remove", code=2)
    assert "./roost user add" in say("member", "Institute", "nobody", code=2)
    assert list(Membership.objects.values_list("user__username", "role")) == [("owner", Role.OWNER)]


@pytest.mark.parametrize(
    "words", [("invite", "Institute", "x"), ("member", "Nowhere", "owner"), ("restore", "institute")]
)
def test_wrong_use_is_one_sentence_and_code_two(say, institute, words):
    assert say(*words, code=2).count("\n") == 1
