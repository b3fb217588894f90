"""Creating an organization; its creator owns it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError
from fleet.core.zones import viewer_zone_name
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import founder_require, organization_found
from sg_status.access import page, refusal_show
from sg_status.pages.organization.forms import OrganizationForm


@page
@require_http_methods(["GET", "HEAD", "POST"])
def organization_add(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET: the form. POST: create the organization."""
    founder_require(viewer)
    language = get_language() or "en"
    contact = viewer.user.email if viewer.user else ""
    usual = Organization(name="", timezone=viewer_zone_name(), language=language, contact_email=contact)
    form = OrganizationForm.of(usual, request.POST if request.method == "POST" else None)
    if form.is_valid():
        made = _create(viewer, form)
        if made is not None:
            messages.success(
                request, _("%(name)s is created, and you own it. Next, invite others.") % {"name": made.name}
            )
            return redirect("organization-members", made.slug)
    return render(request, "sg_status/organization/add.html", {"form": form})


def _create(viewer: Viewer, form: OrganizationForm) -> Organization | None:
    filled = form.cleaned_data
    try:
        return organization_found(
            actor=viewer,
            name=filled["name"],
            timezone=filled["timezone"],
            language=filled["language"],
            contact_email=filled["contact_email"],
        )
    except DomainError as error:
        refusal_show(form, error)
    return None


urlpatterns = [path("organizations/add/", organization_add, name="organization-add")]
