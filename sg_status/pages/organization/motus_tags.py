"""Tags that the organization's stations heard lately: those of its projects at Motus, and unknown ones."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_find
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.tags import HEARD_WITHIN, tags_heard
from sg_status.access import page
from sg_status.pages.organization.frame import organization_render


@page
@require_safe
def tags(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Unknown tags first: they are the ones to ask about."""
    found = organization_find(viewer=viewer, slug=slug)
    context: dict[str, Any] = {"account": account_of(found), "days": HEARD_WITHIN.days}
    try:
        context["heard"] = tags_heard(organization=found)
    except InvalidInput as error:
        context["refusal"] = str(error)
    return organization_render(
        request, viewer, found, "sg_status/organization/motus_tags.html", context, tab="organization-motus"
    )


urlpatterns = [path("organizations/<organization:slug>/motus/tags/", tags, name="organization-motus-tags")]
