"""`station`, `key` and `organization` on the command line: data as JSON, misuse as one sentence and exit code 2."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from people import person, serial_new

from fleet.organizations.keys import api_key_find
from fleet.organizations.models import Membership, Organization
from fleet.stations.logins.enrolment import station_enrol
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db


def say(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_adding_a_station_makes_its_organization_and_a_token_that_works(transactional_db):
    serial = serial_new()
    told = json.loads(say("station", "add", serial, "--organization", "New Group", "--json"))
    assert told["serial"] == serial
    assert told["organization"] == "New Group"
    assert told["notes"][0] == "The organization New Group is new."
    assert told["token"] in told["command"]
    assert station_enrol(serial=serial, token=told["token"], hardware={}).username == f"st.{serial}.1"
    logins = json.loads(say("station", "show", serial, "--json"))["logins"]
    assert [(row["username"], row["revoked_at"]) for row in logins] == [(f"st.{serial}.1", None)]
    assert json.loads(say("station", "revoke", serial, "--json")) == {"serial": serial, "revoked": 1}
    assert json.loads(say("station", "revoke", serial, "--json")) == {"serial": serial, "revoked": 0}


def test_people_read_the_line_to_type_at_the_station():
    serial = serial_new()
    told = say("station", "add", serial, "--organization", "Group")
    assert "station-agent enrol --server http" in told
    assert "not shown again" in told
    assert serial in say("station", "list")
    assert "never_seen" in say("station", "list", "--state", "never_seen")
    assert serial not in say("station", "list", "--state", "silent")


def test_a_new_token_is_had_for_a_known_station():
    serial = serial_new()
    first = json.loads(say("station", "add", serial, "--organization", "Group", "--json"))["token"]
    assert json.loads(say("station", "token", serial, "--json"))["token"] != first


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["station"], "WORD is missing: add, import, claim"),
        (["station", "ad"], "There is no WORD 'ad'. Did you mean add?"),
        (["station", "add"], "SERIAL, --organization are missing."),
        (["station", "add", "a b", "--organization", "G"], "The serial 'a b' cannot be used on the broker"),
        (["station", "show", "SG-NONE"], "There is no station SG-NONE that you may see."),
        (["station", "revoke", "SG-NONE"], "There is no station SG-NONE that you may see."),
        (["station", "list", "--state", "dead"], "There is no --state 'dead': choose silent, late"),
        (["station", "list", "--organization", "None"], "There is no organization 'None'."),
        (["key", "add", "--organization", "None", "--name", "x"], "There is no organization 'None'."),
        (["key", "revoke", "x"], "There is no key with the prefix 'x'."),
        (["organization", "add", ""], "`name` is empty"),
        (["organization", "add", "G", "--owner", "nobody"], "There is no user 'nobody'."),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(capsys, words, sentence):
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, stderr=err)
    told = err.getvalue() + capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in told
    assert len(told.strip().splitlines()) == 1
    assert not Organization.objects.exists()
    assert not Station.objects.exists()


def test_organizations_members_and_keys():
    person("ada")
    assert json.loads(say("organization", "add", "Group", "--owner", "ada", "--json")) == {
        "name": "Group",
        "slug": "group",
    }
    assert Membership.objects.get().role == "owner"
    person("bob")
    assert "bob in Group is viewer." in say("organization", "member", "Group", "bob")
    assert "Group" in say("organization", "list")
    made = json.loads(say("key", "add", "--organization", "group", "--name", "logger", "--write", "--json"))
    key = api_key_find(secret=made["key"])
    assert (key.name, key.is_read_only) == ("logger", False)
    assert made["prefix"] in say("key", "list", "--organization", "Group")
    say("key", "revoke", made["prefix"])
    (listed,) = json.loads(say("key", "list", "--organization", "Group", "--json"))
    assert (listed["state"], listed["revoked_by"], listed["stations"]) == ("revoked", "command line", None)
    assert api_key_find(secret=made["key"]) is None
