"""Deleting an organization: shows what is deleted with it, and asks for its name."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core.errors import InvalidInput
from fleet.lifecycle.purge_organization import organization_belongings
from fleet.organizations.access import Viewer
from fleet.organizations.deletion import GRACE, organization_delete
from fleet.organizations.selectors import organization_find
from sg_status.access import page
from sg_status.pages.organization.forms import OrganizationDeleteForm
from sg_status.pages.organization.frame import organization_render


@page
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: what is deleted. POST: with the right name, hidden at once and purged after 30 days."""
    found = organization_find(viewer=viewer, slug=slug)
    form = OrganizationDeleteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            organization_delete(organization=found, typed=form.cleaned_data["name"], actor=viewer)
        except InvalidInput as error:
            form.add_error("name", str(error))
        else:
            messages.success(
                request,
                _("%(name)s is deleted. You can restore it here for %(days)d days.")
                % {"name": found.name, "days": GRACE.days},
            )
            return redirect("organizations")
    context = {
        "form": form,
        "belongings": organization_belongings(viewer=viewer, organization=found),
        "days": GRACE.days,
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/delete.html", context, tab="organization"
    )


urlpatterns = [path("organizations/<organization:slug>/delete/", delete, name="organization-delete")]
