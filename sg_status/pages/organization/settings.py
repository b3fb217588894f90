"""The settings of an organization, handing it over, and leaving it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core.errors import InvalidInput
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import member_remove
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.organizations.services import organization_update
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.forms import OrganizationForm
from sg_status.pages.organization.frame import organization_render


@page
@require_http_methods(["GET", "HEAD", "POST"])
def organization(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the current settings. POST: an owner changes them."""
    found = organization_find(viewer=viewer, slug=slug)
    is_post = request.method == "POST"
    if is_post:
        viewer.require(Role.OWNER, organization=found, to=_("manage %(name)s"))
    form = OrganizationForm.of(found, request.POST if is_post else None)
    if is_post and form.is_valid() and _save(request, viewer, found, form):
        return redirect("organization", found.slug)
    is_member = found.id in viewer.roles
    context = {"form": form, "is_member": is_member, "language": dict(form.fields["language"].choices)[found.language]}  # type: ignore[attr-defined]
    return organization_render(
        request, viewer, found, "sg_status/organization/settings.html", context, tab="organization"
    )


@page
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the consequences. POST: leave the organization."""
    found = organization_find(viewer=viewer, slug=slug)
    if request.method == "POST":
        done = _("You no longer belong to %(name)s.") % {"name": found.name}
        left = act(
            request,
            lambda: member_remove(organization=found, username=viewer.name, actor=viewer),
            done=done,
        )
        return redirect("organizations") if left else redirect("organization", found.slug)
    context = {
        "title": _("Leave %(name)s") % {"name": found.name},
        "text": _("You lose access to it, and its alerts no longer reach you. An owner can invite you again."),
        "button": _("Leave %(name)s") % {"name": found.name},
        "keep": _("Stay a member"),
        "back": "organization",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/confirm.html", context, tab="organization"
    )


def _save(request: HttpRequest, viewer: Viewer, found: Organization, form: OrganizationForm) -> bool:
    try:
        organization_update(organization=found, actor=viewer, **form.changes())
    except InvalidInput as error:
        refusal_show(form, error)
        return False
    messages.success(request, _("The settings are saved."))
    return True


urlpatterns = [
    path("organizations/<organization:slug>/", organization, name="organization"),
    path("organizations/<organization:slug>/leave/", leave, name="organization-leave"),
]
