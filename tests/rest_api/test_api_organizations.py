"""Organizations, members, invitations and the audit log over the API: what each role and key gets, and nothing of
others.
"""

import re

import pytest
from api_asking import Asker, problem_of
from django.core import mail
from django.test import Client
from people import Role, key_of, person

from fleet.core.models import AuditEntry
from fleet.organizations.models import Invitation, Membership, Organization

pytestmark = pytest.mark.django_db


class Person(Asker):
    """A client of a person who is logged in."""

    def __init__(self, who) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(getattr(who, "user", who))

    def patch(self, address: str, body):
        return self.client.patch(f"/api/v1/{address}", body, content_type="application/json")

    def delete(self, address: str, **query):
        return self.client.delete(f"/api/v1/{address}", QUERY_STRING="&".join(f"{k}={v}" for k, v in query.items()))


def test_a_person_makes_changes_deletes_and_restores_one(db):
    asker = Person(person("founder"))
    made = asker.post("organizations", {"name": "Field group", "timezone": "Europe/Berlin"})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/organizations/field-group"
    assert made.json()["role"] == "owner"
    changed = asker.patch("organizations/field-group", {"language": "de"}).json()
    assert (changed["language"], changed["timezone"]) == ("de", "Europe/Berlin")
    problem_of(asker.patch("organizations/field-group", {"timezone": "Mars"}), 400, "timezone")
    problem_of(asker.patch("organizations/field-group", {"slug": "x"}), 400, "slug")
    problem_of(asker.delete("organizations/field-group", name="Field"), 400, "name")
    assert asker.delete("organizations/field-group", name="Field%20group").status_code == 204
    problem_of(asker.get("organizations/field-group"), 404)
    assert asker.get("organizations").json()["results"] == []
    assert asker.post("organizations/field-group/restore", {}).json()["name"] == "Field group"
    problem_of(asker.post("organizations/field-group/restore", {}), 404)


def test_lists_go_on_where_they_ended(institute, owner):
    for number in range(5):
        person(f"extra{number}", (institute, Role.VIEWER))
    asker, names, address = Person(owner), [], "/api/v1/organizations/institute/members?limit=2"
    while address:
        answer = asker.client.get(address).json()
        names += [row["username"] for row in answer["results"]]
        address = answer["next"]
    assert names == ["owner", *(f"extra{number}" for number in range(5))]
    problem_of(asker.get("organizations/institute/members", cursor="x"), 400, "cursor")
    problem_of(asker.get("organizations/institute/members", limit=0), 400, "limit")


def test_members_are_seen_by_members_with_addresses_for_owners(institute, owner, viewer, stranger):
    assert Person(owner).get("organizations/institute/members/viewer").json()["email"] == "viewer@example.org"
    assert Person(viewer).get("organizations/institute/members/owner").json()["email"] is None
    assert Asker(key_of(institute)).get("organizations/institute/members").status_code == 200
    problem_of(Person(stranger).get("organizations/institute/members"), 404)
    problem_of(Person(owner).get("organizations/institute/members/stranger"), 404)


def test_roles_leaving_and_the_owner_who_stays(institute, owner, operator, viewer):
    asker = Person(owner)
    assert asker.patch("organizations/institute/members/viewer", {"role": "operator"}).json()["role"] == "operator"
    problem_of(asker.patch("organizations/institute/members/viewer", {"role": "king"}), 400, "role")
    problem_of(asker.patch("organizations/institute/members/owner", {"role": "viewer"}), 409)
    problem_of(asker.delete("organizations/institute/members/owner"), 409)
    problem_of(Person(operator).delete("organizations/institute/members/viewer"), 403)
    assert Person(operator).delete("organizations/institute/members/operator").status_code == 204
    assert asker.post("organizations/institute/members/viewer/transfer", {}).json()["role"] == "owner"
    assert dict(Membership.objects.values_list("user__username", "role")) == {"owner": "operator", "viewer": "owner"}


def test_a_key_that_writes_still_owns_nothing(institute, owner):
    asker = Asker(key_of(institute, write=True))
    problem_of(asker.post("organizations", {"name": "Mine"}), 403)
    problem_of(asker.post("organizations/institute/invitations", {"email": "x@example.org"}), 403)
    problem_of(asker.get("organizations/institute/invitations"), 403)
    problem_of(asker.get("organizations/institute/audit"), 403)
    problem_of(asker.post("organizations/institute/members/owner/transfer", {}), 403)
    problem_of(asker.post("invitations/accept", {"code": "x"}), 403)
    assert Organization.objects.count() == 1
    assert not Invitation.objects.exists()


def test_an_invitation_is_made_sent_again_revoked_and_accepted(institute, owner):
    asker = Person(owner)
    made = asker.post("organizations/institute/invitations", {"email": "new@example.org", "role": "operator"})
    assert made.status_code == 201
    first = made.json()
    assert (first["state"], first["invited_by"]) == ("open", "owner")
    again = asker.post(f"organizations/institute/invitations/{first['id']}/resend", {}).json()
    assert asker.get(f"organizations/institute/invitations/{first['id']}").json()["state"] == "revoked"
    listed = asker.get("organizations/institute/invitations").json()["results"]
    assert [row["id"] for row in listed] == [again["id"]]
    problem_of(asker.post("organizations/institute/invitations", {"email": "new@example.org"}), 400, "email")
    code = re.search(r"/invitations/([^/\s]+)/", mail.outbox[-1].body)[1]
    assert code not in made.content.decode()
    problem_of(asker.post("invitations/accept", {"code": code}), 403)
    joined = Person(person("new")).post("invitations/accept", {"code": code}).json()
    assert (joined["slug"], joined["role"]) == ("institute", "operator")
    problem_of(asker.delete(f"organizations/institute/invitations/{again['id']}"), 409)
    for number in range(4):
        answer = asker.post("organizations/institute/invitations", {"email": "spam@example.org"})
        if number < 3:
            assert asker.delete(f"organizations/institute/invitations/{answer.json()['id']}").status_code == 204
    problem_of(answer, 429)


def test_the_audit_log_is_filtered_and_read_to_its_end(institute, owner, elsewhere):
    asker, seen, address = Person(owner), [], "/api/v1/organizations/institute/audit?limit=1"
    asker.patch("organizations/institute", {"language": "de"})
    while address:
        answer = asker.client.get(address).json()
        seen += answer["results"]
        address = answer["next"]
    assert len(seen) == AuditEntry.objects.filter(organization_id=institute.id).count()
    assert (seen[0]["action"], seen[0]["who"], seen[0]["address"]) == ("organization.update", "owner", "127.0.0.1")
    only = asker.get("organizations/institute/audit", action="member.add").json()["results"]
    assert {row["action"] for row in only} == {"member.add"}
    assert not asker.get("organizations/institute/audit", to="2020-01-01T00:00:00Z").json()["results"]
    problem_of(asker.get("organizations/institute/audit", who="x", actor="y"), 400, "actor")
