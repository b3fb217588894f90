"""Invitations: one mail, one address, one use, seven days; and nobody's mailbox is flooded."""

import re
import threading
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from people import Role, person

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry
from fleet.organizations import invitations
from fleet.organizations.access import viewer_of_user
from fleet.organizations.deletion import organization_delete
from fleet.organizations.invitations import (
    invitation_accept,
    invitation_create,
    invitation_find,
    invitation_list,
    invitation_resend,
    invitation_revoke,
    invitations_prune,
)
from fleet.organizations.models import Invitation, Membership
from fleet.organizations.services import organization_create

pytestmark = pytest.mark.django_db

ADDRESS = "new@example.org"


def confirmed(name: str, email: str) -> User:
    user = person(name)
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def code_mailed() -> str:
    """The code in the newest mail."""
    return re.search(r"/invitations/([^/\s]+)/", mail.outbox[-1].body)[1]


def invite(organization, actor, email=ADDRESS, role=Role.OPERATOR) -> str:
    invitation_create(organization=organization, email=email, role=role, actor=actor)
    return code_mailed()


def test_the_invited_address_joins_in_the_role_that_was_offered(institute, owner):
    code = invite(institute, owner, email=" New@Example.ORG ")
    (sent,) = mail.outbox
    assert sent.to == [ADDRESS]
    assert "Institute" in sent.subject
    assert "owner" in sent.body
    assert code not in str(list(Invitation.objects.values()))
    user = confirmed("new", "NEW@example.org")
    assert invitation_accept(code=code, user=user).role == Role.OPERATOR
    assert viewer_of_user(user).roles == {institute.id: Role.OPERATOR}
    assert not invitation_list(organization=institute, actor=owner)
    assert {"invitation.create", "invitation.accept", "member.add"} <= set(
        AuditEntry.objects.filter(organization_id=institute.id).values_list("action", flat=True)
    )


def test_another_address_is_refused_without_being_told_whose_it_is(institute, owner):
    code = invite(institute, owner)
    other = confirmed("other", "other@example.org")
    with pytest.raises(Forbidden, match=r"n…@example\.org") as refused:
        invitation_accept(code=code, user=other)
    assert ADDRESS not in str(refused.value)
    EmailAddress.objects.create(user=other, email=ADDRESS, verified=False)
    with pytest.raises(Forbidden, match=r"n…@example\.org"):
        invitation_accept(code=code, user=other)
    with pytest.raises(Forbidden):
        invitation_accept(code=code, user=None)
    assert not Membership.objects.filter(user=other).exists()
    assert invitation_find(code=code).email == ADDRESS


def test_it_works_once(institute, owner):
    code = invite(institute, owner)
    user = confirmed("new", ADDRESS)
    first = invitation_accept(code=code, user=user)
    assert invitation_accept(code=code, user=user) == first
    first.delete()
    with pytest.raises(NotFound, match="used"):
        invitation_accept(code=code, user=user)
    with pytest.raises(NotFound):
        invitation_find(code=code)


def test_it_ends_after_seven_days_when_revoked_and_with_its_organization(institute, owner):
    user = confirmed("new", ADDRESS)
    code = invite(institute, owner)
    Invitation.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert_dead(code, user)
    again = invite(institute, owner)
    invitation_revoke(organization=institute, invitation_id=Invitation.objects.latest("id").id, actor=owner)
    assert_dead(again, user)
    third = invite(institute, owner)
    organization_delete(organization=institute, typed="Institute", actor=owner)
    assert_dead(third, user)


def assert_dead(code: str, user: User) -> None:
    with pytest.raises(NotFound):
        invitation_find(code=code)
    with pytest.raises(NotFound):
        invitation_accept(code=code, user=user)
    assert not Membership.objects.filter(user=user).exists()


@pytest.mark.parametrize("code", ["", "x", "ключ", "\x00", "a" * 5000, "\ud800"])
def test_what_is_no_code_opens_nothing(db, code):
    with pytest.raises(NotFound):
        invitation_find(code=code)


def test_sent_again_it_is_a_new_code_and_the_old_one_ends(institute, owner):
    old = invite(institute, owner)
    first = Invitation.objects.get()
    second = invitation_resend(organization=institute, invitation_id=first.id, actor=owner)
    assert second.expires_at > first.expires_at
    assert [held.id for held in invitation_list(organization=institute, actor=owner)] == [second.id]
    with pytest.raises(NotFound):
        invitation_find(code=old)
    with pytest.raises(Conflict):
        invitation_resend(organization=institute, invitation_id=first.id, actor=owner)
    invitation_accept(code=code_mailed(), user=confirmed("new", ADDRESS))
    with pytest.raises(Conflict):
        invitation_revoke(organization=institute, invitation_id=second.id, actor=owner)


def test_only_owners_invite_see_and_revoke(institute, owner, operator, stranger):
    invite(institute, owner)
    number = Invitation.objects.get().id
    for actor, refusal in ((operator, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            invitation_create(organization=institute, email="x@example.org", role=Role.OWNER, actor=actor)
        with pytest.raises(refusal):
            invitation_list(organization=institute, actor=actor)
        with pytest.raises(refusal):
            invitation_resend(organization=institute, invitation_id=number, actor=actor)
        with pytest.raises(refusal):
            invitation_revoke(organization=institute, invitation_id=number, actor=actor)
    assert Invitation.objects.get().revoked_at is None


def test_an_invitation_of_another_organization_is_not_there(institute, owner, elsewhere, stranger):
    invite(institute, owner)
    number = Invitation.objects.get().id
    with pytest.raises(NotFound):
        invitation_revoke(organization=elsewhere, invitation_id=number, actor=stranger)
    assert Invitation.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "email", ["", "x", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "x" * 250 + "@example.org"]
)
def test_what_is_no_address_is_refused_by_its_field(institute, owner, email):
    with pytest.raises(InvalidInput) as refused:
        invitation_create(organization=institute, email=email, role=Role.VIEWER, actor=owner)
    assert refused.value.field == "email"
    assert not mail.outbox


def test_members_and_those_who_are_invited_are_not_invited(institute, owner):
    confirmed("new", ADDRESS)
    invite(institute, owner)
    with pytest.raises(InvalidInput, match="already been invited"):
        invite(institute, owner, email="NEW@example.org")
    invitation_accept(code=code_mailed(), user=User.objects.get(username="new"))
    with pytest.raises(InvalidInput, match="member"):
        invite(institute, owner)


def test_an_invitation_never_lowers_a_role(institute, owner):
    user = confirmed("new", ADDRESS)
    code = invite(institute, owner, role=Role.VIEWER)
    Membership.objects.create(user=user, organization=institute, role=Role.OPERATOR, created_at=clock.now())
    assert invitation_accept(code=code, user=user).role == Role.OPERATOR


def test_one_address_gets_three_mails_a_day_and_ten_from_everybody(institute, owner, elsewhere):
    invite(institute, owner)
    for _again in range(2):
        invitation_resend(organization=institute, invitation_id=Invitation.objects.latest("id").id, actor=owner)
    with pytest.raises(TooMany, match="enough"):
        invitation_resend(organization=institute, invitation_id=Invitation.objects.latest("id").id, actor=owner)
    assert len(mail.outbox) == 3
    for number in range(3):
        other = organization_create(name=f"Other {number}", owner=owner.user)
        actor = viewer_of_user(owner.user)
        for _again in range(3):
            Invitation.objects.filter(organization=other).update(revoked_at=clock.now())
            if Invitation.objects.filter(email=ADDRESS).count() == 10:
                break
            invite(other, actor)
    with pytest.raises(TooMany):
        invite(other, actor)
    assert len(mail.outbox) == 10
    Invitation.objects.update(created_at=clock.now() - timedelta(hours=25))
    invite(other, actor)


def test_an_organization_sends_so_many_a_day(institute, owner, elsewhere, stranger, monkeypatch):
    monkeypatch.setattr(invitations, "_OF_ORGANIZATION", 4)
    for number in range(4):
        invite(institute, owner, email=f"n{number}@example.org")
    with pytest.raises(TooMany, match="tomorrow"):
        invite(institute, owner, email="n4@example.org")
    invite(elsewhere, stranger, email="n4@example.org")


def test_the_mail_speaks_the_language_of_the_organization(institute, owner):
    institute.language = "de"
    institute.save(update_fields=["language"])
    invite(institute, owner)
    assert "Einladung" in mail.outbox[0].subject


def test_what_ended_long_ago_is_removed(institute, owner):
    invite(institute, owner)
    assert invitations_prune() == 0
    Invitation.objects.update(expires_at=clock.now() - timedelta(days=31))
    assert invitations_prune() == 1


@pytest.mark.django_db(transaction=True)
def test_accepted_twice_at_once_it_is_one_membership():
    owner_user = person("founder")
    for number in range(5):
        organization = organization_create(name=f"Twice {number}", owner=owner_user)
        code = invite(organization, viewer_of_user(owner_user), email=f"t{number}@example.org")
        user, start, joined = confirmed(f"t{number}", f"t{number}@example.org"), threading.Barrier(2), []

        def accept(code=code, user=user, start=start, joined=joined) -> None:
            start.wait()
            try:
                joined.append(invitation_accept(code=code, user=user).pk)
            finally:
                connection.close()

        threads = [threading.Thread(target=accept) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(joined)) == 1
        assert Membership.objects.filter(organization=organization, user=user).count() == 1
        assert AuditEntry.objects.filter(action="invitation.accept", organization_id=organization.id).count() == 1
