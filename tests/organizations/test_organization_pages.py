"""The pages of organizations: each role sees its own, strangers get 404, and every refusal is a sentence."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from people import Role, key_of, person, station_of

from fleet.core.audit import audit_write
from fleet.core.models import AuditEntry
from fleet.organizations.invitations import invitation_create
from fleet.organizations.models import Invitation, Membership, Organization
from fleet.organizations.services import organization_create

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"
PAGES = ["", "members/", "audit/", "audit.csv", "delete/", "leave/", "members/owner/remove/", "members/owner/transfer/"]
POSTS = ["", "members/", "delete/", "members/viewer/role/", "members/viewer/remove/", "members/viewer/transfer/"]


@pytest.fixture(autouse=True)
def static_files_as_they_lie(settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def browse():
    def client_of(who) -> Client:
        client = Client()
        client.force_login(getattr(who, "user", who))
        return client

    return client_of


def body(answer) -> str:
    return b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_strangers_get_404_and_nobody_gets_the_login(browse, institute, owner, stranger, page):
    assert browse(stranger).get(f"/organizations/institute/{page}").status_code == 404
    assert Client().get(f"/organizations/institute/{page}").status_code == 302


@pytest.mark.parametrize("page", POSTS)
def test_only_owners_change_anything(browse, institute, owner, operator, viewer, stranger, page):
    before = list(Membership.objects.order_by("id").values("user", "role"))
    data = {"role": "owner", "name": "Institute", "email": "x@example.org", "timezone": "UTC", "language": "en"}
    assert browse(operator).post(f"/organizations/institute/{page}", data).status_code == 403
    assert browse(stranger).post(f"/organizations/institute/{page}", data).status_code == 404
    assert list(Membership.objects.order_by("id").values("user", "role")) == before
    assert not Invitation.objects.exists()
    assert Organization.objects.get(pk=institute.pk).deleted_at is None


def test_a_person_makes_an_organization_and_lands_where_others_are_invited(browse):
    client = browse(person("founder"))
    assert "Create one" in body(client.get("/organizations/"))
    form = {"name": "Field group", "timezone": "Europe/Berlin", "language": "de", "contact_email": ""}
    answer = client.post("/organizations/add/", form, follow=True)
    assert answer.redirect_chain[-1][0] == "/organizations/field-group/members/"
    assert "Field group" in body(client.get("/organizations/"))
    again = client.post("/organizations/add/", form)
    assert again.status_code == 200
    assert "already" in body(again)


def test_where_administrators_make_them_the_page_says_so(browse, settings):
    settings.ROOST_ORGANIZATIONS_BY = "admins"
    client = browse(person("founder"))
    assert "/organizations/add/" not in body(client.get("/organizations/"))
    assert client.get("/organizations/add/").status_code == 403


def test_settings_are_changed_only_where_somebody_changed_them(browse, institute, owner, viewer):
    client = browse(owner)
    shown = body(client.get("/organizations/institute/"))
    assert 'value="Institute"' in shown
    Organization.objects.filter(pk=institute.pk).update(language="de")
    form = {"name": "Institute", "timezone": "America/Toronto", "language": "de", "contact_email": ""}
    assert client.post("/organizations/institute/", form).status_code == 302
    institute.refresh_from_db()
    assert (institute.timezone, institute.language) == ("America/Toronto", "de")
    assert '<form method="post">' not in body(browse(viewer).get("/organizations/institute/"))


def test_an_owner_invites_and_the_invited_person_joins(browse, institute, owner):
    client = browse(owner)
    answer = client.post(
        "/organizations/institute/members/", {"email": "new@example.org", "role": "operator"}, follow=True
    )
    assert "new@example.org is invited" in body(answer)
    link = re.search(r"http\S+(/invitations/\S+/)", mail.outbox[-1].body)[1]
    nobody = Client()
    shown = nobody.get(link)
    assert "Join Institute" in body(shown)
    assert shown.headers["Cache-Control"].count("no-store") == 1
    assert f"?next={link}" in body(shown)
    assert nobody.session["account_verified_email"] == "new@example.org"
    assert nobody.post(link).status_code == 200
    new = person("new")
    EmailAddress.objects.filter(user=new).update(email="new@example.org", verified=True)
    joined = browse(new)
    assert joined.get(link).status_code == 200
    assert not Membership.objects.filter(user=new).exists()
    assert "as operator" in body(joined.post(link, follow=True))
    assert Membership.objects.get(user=new).role == "operator"
    assert Client().get(link).status_code == 404


def test_somebody_else_is_told_why_the_invitation_is_not_theirs(browse, institute, owner, stranger):
    invitation_create(organization=institute, email="new@example.org", role=Role.VIEWER, actor=owner)
    link = re.search(r"http\S+(/invitations/\S+/)", mail.outbox[-1].body)[1]
    answer = browse(stranger).post(link)
    assert answer.status_code == 403
    assert "n…@example.org" in body(answer)
    assert "new@example.org" not in body(answer)
    assert not Membership.objects.filter(user=stranger.user, organization=institute).exists()


def test_signing_up_by_an_invitation_needs_no_second_mail(browse, institute, owner):
    invitation_create(organization=institute, email="new@example.org", role=Role.VIEWER, actor=owner)
    link = re.search(r"http\S+(/invitations/\S+/)", mail.outbox[-1].body)[1]
    mail.outbox.clear()
    client = Client()
    client.get(link)
    password = "a long enough passphrase"
    form = {"username": "newcomer", "email": "new@example.org", "password1": password, "password2": password}
    answer = client.post(f"/accounts/signup/?next={link}", {**form, "next": link})
    assert answer.status_code == 302, body(answer)
    assert answer.headers["Location"] == link
    assert EmailAddress.objects.get(user__username="newcomer").verified
    client.post(link)
    assert Membership.objects.get(user__username="newcomer").organization == institute


def test_invitations_are_sent_again_and_revoked(browse, institute, owner):
    client = browse(owner)
    client.post("/organizations/institute/members/", {"email": "new@example.org", "role": "viewer"})
    first = Invitation.objects.get()
    client.post(f"/organizations/institute/invitations/{first.id}/resend/")
    second = Invitation.objects.latest("id")
    assert len(mail.outbox) == 2
    client.post(f"/organizations/institute/invitations/{second.id}/revoke/")
    assert (
        "new@example.org"
        not in body(client.get("/organizations/institute/members/")).split("No open invitations")[0][-400:]
    )
    assert not Invitation.objects.filter(revoked_at=None).exists()
    assert client.post("/organizations/institute/invitations/999/revoke/").status_code == 404


def test_roles_are_set_and_members_removed(browse, institute, owner, viewer, operator):
    client = browse(owner)
    client.post("/organizations/institute/members/viewer/role/", {"role": "operator"})
    client.post("/organizations/institute/members/operator/role/", {"role": "nonsense"})
    assert "Remove operator" in body(client.get("/organizations/institute/members/operator/remove/"))
    client.post("/organizations/institute/members/operator/remove/")
    assert dict(Membership.objects.values_list("user__username", "role")) == {"owner": "owner", "viewer": "operator"}
    answer = client.post("/organizations/institute/members/owner/role/", {"role": "viewer"}, follow=True)
    assert "owner is the only owner of Institute" in body(answer)
    assert client.post("/organizations/institute/members/nobody/role/", {"role": "viewer"}).status_code == 404


def test_addresses_of_members_are_for_owners(browse, institute, owner, viewer):
    assert "viewer@example.org" in body(browse(owner).get("/organizations/institute/members/"))
    seen = body(browse(viewer).get("/organizations/institute/members/"))
    assert "owner" in seen
    assert "@example.org" not in seen


def test_leaving_and_handing_over(browse, institute, owner, viewer):
    client = browse(owner)
    assert "only owner" in body(client.post("/organizations/institute/leave/", follow=True))
    assert client.post("/organizations/institute/members/viewer/transfer/").status_code == 302
    assert dict(Membership.objects.values_list("user__username", "role")) == {"owner": "operator", "viewer": "owner"}
    assert "no longer belong" in body(client.post("/organizations/institute/leave/", follow=True))
    assert client.get("/organizations/institute/").status_code == 404


def test_deleting_says_what_goes_takes_the_name_and_is_undone(browse, institute, owner):
    station_of(institute, name="Old Cut")
    key_of(institute)
    client = browse(owner)
    shown = body(client.get("/organizations/institute/delete/"))
    assert re.search(r"Stations</dt><dd>1<", shown)
    assert re.search(r"Keys</dt><dd>1<", shown)
    assert "The name does not match" in body(client.post("/organizations/institute/delete/", {"name": "institut"}))
    answer = client.post("/organizations/institute/delete/", {"name": "Institute"}, follow=True)
    assert "Restore Institute" in body(answer)
    assert client.get("/organizations/institute/").status_code == 404
    assert "Old Cut" not in body(client.get("/"))
    client.post("/organizations/institute/restore/")
    assert "Old Cut" in body(client.get("/"))
    assert client.post("/organizations/institute/restore/").status_code == 404


def test_the_audit_log_is_filtered_paged_and_exported_safely(browse, institute, owner):
    for number in range(60):
        audit_write(actor=owner.user, organization_id=institute.id, action="test.odd", subject=f"thing {number}")
    audit_write(actor=None, organization_id=institute.id, action="test.evil", subject=f"=cmd|' {EVIL}")
    client = browse(owner)
    first = body(client.get("/organizations/institute/audit/"))
    assert EVIL not in first
    assert "thing 59" in first
    assert "thing 3<" not in first
    older = re.search(r'href="\?([^"]*after=[^"]+)"', first)[1].replace("&amp;", "&")
    assert "thing 3<" in body(client.get(f"/organizations/institute/audit/?{older}"))
    one = body(client.get("/organizations/institute/audit/", {"subject": "thing 7", "who": "owner"}))
    assert one.count("thing 7<") == 1
    assert "thing 8<" not in one
    assert "must match exactly" in body(client.get("/organizations/institute/audit/", {"who": "x"}))
    for odd in ({"start": "x"}, {"end": "9999-12-31"}, {"after": "x"}, {"after": "2020-01-01~1"}, {"who": "\x00"}):
        assert client.get("/organizations/institute/audit/", odd).status_code == 200
    exported = client.get("/organizations/institute/audit.csv")
    assert "attachment" in exported.headers["Content-Disposition"]
    lines = body(exported).splitlines()
    assert lines[0] == "\ufeffat,who,key,address,action,subject,detail"
    assert len(lines) == 1 + AuditEntry.objects.filter(organization_id=institute.id).count()
    assert not any(re.search(r"(^|,)\"?=", line) for line in lines)


@pytest.mark.parametrize(
    "page", ["/organizations/", "/organizations/institute/members/", "/organizations/institute/audit/"]
)
def test_queries_do_not_grow_with_the_rows(browse, institute, owner, django_assert_max_num_queries, page):
    client = browse(owner)

    def asked() -> int:
        with django_assert_max_num_queries(60) as queries:
            assert client.get(page).status_code == 200
        assert connection.connection is not None
        return len(queries.captured_queries)

    before = asked()
    for number in range(8):
        person(f"extra{number}", (institute, Role.VIEWER))
        invitation_create(organization=institute, email=f"e{number}@example.org", role=Role.VIEWER, actor=owner)
        Membership.objects.create(
            user=owner.user,
            organization=organization_create(name=f"More {number}", owner=None),
            role=Role.VIEWER,
            created_at=institute.created_at,
        )
    assert asked() == before


def test_an_administrator_looks_after_organizations_without_belonging_to_them(browse, institute):
    client = browse(User.objects.create_superuser("root"))
    for page in ("", "members/", "audit/", "delete/"):
        assert client.get(f"/organizations/institute/{page}").status_code == 200
