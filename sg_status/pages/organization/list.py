"""A person's organizations, and deleted ones that can still be restored."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from fleet.organizations.access import Viewer
from fleet.organizations.deletion import organization_restore, purge_at
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_list, organizations_deleted
from fleet.organizations.services import may_found
from sg_status.access import act, page
from sg_status.menu import MenuEntry
from sg_status.pages.organization.frame import role_word

MENU = MenuEntry(_("Organizations"), "organizations", 80, "gear")


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """One organization as shown in the table."""

    organization: Organization
    role: str | Promise


@dataclass(frozen=True, slots=True)
class Gone:
    """A deleted organization."""

    organization: Organization
    until: datetime


@page
@require_safe
def organizations(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The viewer's organizations, by name."""
    context = {
        "rows": [
            OrganizationRow(found, role_word(viewer.roles.get(found.id))) for found in organization_list(viewer=viewer)
        ],
        "gone": [Gone(found, purge_at(found)) for found in organizations_deleted(viewer=viewer)],
        "may_found": may_found(viewer),
    }
    return render(request, "sg_status/organization/list.html", context)


@page
@require_POST
def restore(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Restore a deleted organization."""
    done = gettext("It is restored with everything that belonged to it.")
    if act(request, lambda: organization_restore(slug=slug, actor=viewer), done=done):
        return redirect("organization", slug)
    return redirect("organizations")


urlpatterns = [
    path("organizations/", organizations, name="organizations"),
    path("organizations/<organization:slug>/restore/", restore, name="organization-restore"),
]
