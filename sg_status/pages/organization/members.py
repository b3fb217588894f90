"""The members of an organization with their roles, and its open invitations."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core import clock
from fleet.core.errors import DomainError
from fleet.organizations.access import Role, Viewer
from fleet.organizations.invitations import (
    invitation_create,
    invitation_list,
    invitation_resend,
    invitation_revoke,
    is_open,
)
from fleet.organizations.members import member_get, member_remove, member_role_set, ownership_transfer
from fleet.organizations.models import Invitation, Membership, Organization
from fleet.organizations.selectors import member_list, organization_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.forms import InvitationForm
from sg_status.pages.organization.frame import organization_render, role_word

PAGE_SIZE = 50
#: Maximum open invitations shown.
INVITATIONS_MOST = 200


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member as shown in the table."""

    member: Membership
    role: str | Promise
    is_self: bool


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """One invitation as shown in the table."""

    invitation: Invitation
    role: str | Promise
    is_open: bool


@page
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the members. POST: an owner invites an address."""
    found = organization_find(viewer=viewer, slug=slug)
    is_post = request.method == "POST"
    if is_post:
        viewer.require(Role.OWNER, organization=found, to=_("manage %(name)s"))
    form = InvitationForm(request.POST if is_post else None)
    if is_post and form.is_valid() and _invite(request, viewer, found, form):
        return redirect("organization-members", found.slug)
    shown_page = Paginator(member_list(organization=found), PAGE_SIZE).get_page(request.GET.get("page"))
    moment = clock.now()
    may_own = viewer.may(Role.OWNER, found.id)
    waiting = list(invitation_list(organization=found, actor=viewer)[:INVITATIONS_MOST]) if may_own else []
    context = {
        "form": form,
        "pages": shown_page,
        "rows": [
            MemberRow(member, role_word(member.role), viewer.user is not None and member.user_id == viewer.user.pk)
            for member in shown_page.object_list
        ],
        "roles": [(role.value, role_word(role)) for role in (Role.VIEWER, Role.OPERATOR, Role.OWNER)],
        "waiting": [InvitationRow(held, role_word(held.role), is_open(held, moment)) for held in waiting],
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/members.html", context, tab="organization-members"
    )


@page
@require_POST
def member_role(request: HttpRequest, viewer: Viewer, slug: str, username: str) -> HttpResponse:
    """Give a member another role."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OWNER, organization=found, to=_("manage %(name)s"))
    wanted = request.POST.get("role", "")
    if wanted in Role.values:
        role = Role(wanted)
        done = _("%(name)s is now %(role)s.") % {"name": username, "role": role_word(role)}
        act(
            request,
            lambda: member_role_set(organization=found, username=username, role=role, actor=viewer),
            done=done,
        )
    return redirect("organization-members", found.slug)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def member_out(request: HttpRequest, viewer: Viewer, slug: str, username: str) -> HttpResponse:
    """GET: the consequences. POST: remove the member."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OWNER, organization=found, to=_("manage %(name)s"))
    member_get(organization=found, username=username)
    names = {"person": username, "name": found.name}
    if request.method == "POST":
        done = _("%(person)s no longer belongs to %(name)s.") % names
        act(request, lambda: member_remove(organization=found, username=username, actor=viewer), done=done)
        return redirect("organization-members", found.slug)
    context = {
        "title": _("Remove %(person)s from %(name)s") % names,
        "text": _("%(person)s immediately loses access to %(name)s. What they did stays.") % names,
        "button": _("Remove %(person)s") % names,
        "keep": _("Keep the member"),
        "back": "organization-members",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/confirm.html", context, tab="organization-members"
    )


@page
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: HttpRequest, viewer: Viewer, slug: str, username: str) -> HttpResponse:
    """GET: the consequences. POST: the member becomes owner, and the previous owner an operator."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OWNER, organization=found, to=_("manage %(name)s"))
    member_get(organization=found, username=username)
    names = {"person": username, "name": found.name}
    if request.method == "POST":
        done = _("%(person)s now owns %(name)s.") % names
        act(request, lambda: ownership_transfer(organization=found, username=username, actor=viewer), done=done)
        return redirect("organization-members", found.slug)
    context = {
        "title": _("Hand %(name)s over to %(person)s") % names,
        "text": _("%(person)s becomes an owner of %(name)s, and you become an operator. You cannot undo this.") % names,
        "button": _("Hand over to %(person)s") % names,
        "keep": _("Keep it"),
        "back": "organization-members",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/confirm.html", context, tab="organization-members"
    )


@page
@require_POST
def invitation_again(request: HttpRequest, viewer: Viewer, slug: str, invitation_id: int) -> HttpResponse:
    """Resend an invitation, with a new code."""
    found = organization_find(viewer=viewer, slug=slug)
    done = _("The invitation is sent again. The link in the previous mail no longer works.")
    act(
        request,
        lambda: invitation_resend(organization=found, invitation_id=invitation_id, actor=viewer),
        done=done,
    )
    return redirect("organization-members", found.slug)


@page
@require_POST
def invitation_end(request: HttpRequest, viewer: Viewer, slug: str, invitation_id: int) -> HttpResponse:
    """Revoke an invitation."""
    found = organization_find(viewer=viewer, slug=slug)
    act(
        request,
        lambda: invitation_revoke(organization=found, invitation_id=invitation_id, actor=viewer),
        done=_("The invitation is revoked: its link no longer works."),
    )
    return redirect("organization-members", found.slug)


def _invite(request: HttpRequest, viewer: Viewer, found: Organization, form: InvitationForm) -> bool:
    filled = form.cleaned_data
    try:
        invitation_create(organization=found, email=filled["email"], role=Role(filled["role"]), actor=viewer)
    except DomainError as error:
        refusal_show(form, error)
        return False
    messages.success(
        request, _("%(email)s is invited. The invitation is valid for seven days.") % {"email": filled["email"]}
    )
    return True


_MEMBER = "organizations/<organization:slug>/members/<str:username>/"
_INVITATION = "organizations/<organization:slug>/invitations/<int:invitation_id>/"

urlpatterns = [
    path("organizations/<organization:slug>/members/", members, name="organization-members"),
    path(_MEMBER + "role/", member_role, name="member-role"),
    path(_MEMBER + "remove/", member_out, name="member-remove"),
    path(_MEMBER + "transfer/", transfer, name="member-transfer"),
    path(_INVITATION + "resend/", invitation_again, name="invitation-resend"),
    path(_INVITATION + "revoke/", invitation_end, name="invitation-revoke"),
]
