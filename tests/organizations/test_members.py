"""Members of an organization: roles, leaving, handing over, and the last owner, who must stay."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection
from people import SERVER, Role, person

from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from fleet.core.models import AuditEntry
from fleet.organizations.access import viewer_of_user
from fleet.organizations.members import (
    member_add,
    member_remove,
    member_role_set,
    ownership_transfer,
)
from fleet.organizations.models import Membership
from fleet.organizations.services import organization_create

pytestmark = pytest.mark.django_db


def roles_in(organization) -> dict[str, str]:
    return dict(Membership.objects.filter(organization=organization).values_list("user__username", "role"))


def test_the_only_owner_cannot_leave_step_down_or_be_removed(institute, owner, operator):
    with pytest.raises(Conflict, match="owner is the only owner of Institute"):
        member_remove(organization=institute, username="owner", actor=owner)
    with pytest.raises(Conflict):
        member_role_set(organization=institute, username="owner", role=Role.VIEWER, actor=owner)
    with pytest.raises(Conflict):
        member_remove(organization=institute, username="owner", actor=SERVER)
    with pytest.raises(Conflict):
        member_add(organization=institute, user=owner.user, role=Role.OPERATOR)
    assert roles_in(institute) == {"owner": "owner", "operator": "operator"}


def test_an_owner_who_cannot_log_in_does_not_count(institute, owner):
    gone = person("gone", (institute, Role.OWNER))
    User.objects.filter(pk=gone.pk).update(is_active=False)
    with pytest.raises(Conflict):
        member_remove(organization=institute, username="owner", actor=owner)
    member_remove(organization=institute, username="gone", actor=owner)
    assert roles_in(institute) == {"owner": "owner"}


def test_anybody_may_leave_but_only_owners_remove_others(institute, owner, operator, viewer):
    with pytest.raises(Forbidden):
        member_remove(organization=institute, username="viewer", actor=operator)
    with pytest.raises(Forbidden):
        member_role_set(organization=institute, username="operator", role=Role.OWNER, actor=operator)
    member_remove(organization=institute, username="viewer", actor=viewer)
    member_remove(organization=institute, username="operator", actor=owner)
    assert roles_in(institute) == {"owner": "owner"}
    assert list(AuditEntry.objects.order_by("-id").values_list("action", "actor_name")[:2]) == [
        ("member.remove", "owner"),
        ("member.leave", "viewer"),
    ]


def test_to_a_stranger_there_is_no_such_organization(institute, owner, stranger):
    for refused in (
        lambda: member_remove(organization=institute, username="owner", actor=stranger),
        lambda: member_role_set(organization=institute, username="owner", role=Role.VIEWER, actor=stranger),
        lambda: ownership_transfer(organization=institute, username="owner", actor=stranger),
        lambda: member_add(organization=institute, user=stranger.user, role=Role.OWNER, actor=stranger),
    ):
        with pytest.raises(NotFound, match="no such organization"):
            refused()
    assert roles_in(institute) == {"owner": "owner"}


def test_a_role_is_changed_and_noted_with_what_it_was(institute, owner, viewer):
    member_role_set(organization=institute, username="viewer", role=Role.OPERATOR, actor=owner)
    assert viewer_of_user(viewer.user).may(Role.OPERATOR, institute.id)
    entry = AuditEntry.objects.order_by("-id").first()
    assert (entry.action, entry.subject, entry.detail) == (
        "member.role",
        "viewer",
        {"role": "operator", "before": "viewer"},
    )
    member_role_set(organization=institute, username="viewer", role=Role.OPERATOR, actor=owner)
    assert AuditEntry.objects.filter(action="member.role").count() == 1


def test_handing_over_makes_one_an_owner_and_the_other_an_operator(institute, owner, viewer):
    ownership_transfer(organization=institute, username="viewer", actor=owner)
    assert roles_in(institute) == {"owner": "operator", "viewer": "owner"}
    with pytest.raises(Forbidden):
        ownership_transfer(organization=institute, username="owner", actor=viewer_of_user(owner.user))


def test_it_is_handed_over_to_members_who_can_log_in(institute, owner, viewer, stranger):
    with pytest.raises(InvalidInput, match="yourself"):
        ownership_transfer(organization=institute, username="owner", actor=owner)
    with pytest.raises(NotFound):
        ownership_transfer(organization=institute, username="stranger", actor=owner)
    User.objects.filter(username="viewer").update(is_active=False)
    with pytest.raises(InvalidInput, match="cannot log in"):
        ownership_transfer(organization=institute, username="viewer", actor=owner)
    assert roles_in(institute) == {"owner": "owner", "viewer": "viewer"}


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays():
    for number in range(5):
        organization = organization_create(name=f"Two owners {number}", owner=None)
        owners = [viewer_of_user(person(f"owner{number}{one}", (organization, Role.OWNER))) for one in "ab"]
        start, refused = threading.Barrier(2), []

        def leave(actor, organization=organization, start=start, refused=refused) -> None:
            start.wait()
            try:
                member_remove(organization=organization, username=actor.name, actor=actor)
            except Conflict as error:
                refused.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=leave, args=(actor,)) for actor in owners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        assert list(roles_in(organization).values()) == ["owner"]
