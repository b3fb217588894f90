"""An organization's fetch policy, for its stations that have none of their own."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core.errors import InvalidInput
from fleet.holdings.policy import MODES, policy_require, policy_set, rule_of_organization
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_find
from sg_status.access import page, refusal_show
from sg_status.fetch_form import FetchPolicyForm
from sg_status.pages.organization.frame import organization_render


@page
@require_http_methods(["GET", "HEAD", "POST"])
def organization_fetch_policy(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the policy. POST: an owner changes it."""
    found = organization_find(viewer=viewer, slug=slug)
    rule = rule_of_organization(found)
    form = FetchPolicyForm(rule, request.POST if request.method == "POST" else None, has_usual=False)
    if request.method == "POST":
        policy_require(actor=viewer, owner=found)
        if form.is_valid():
            try:
                policy_set(actor=viewer, owner=found, rule=form.rule())
            except InvalidInput as error:
                refusal_show(form, error, octets_per_day="mb_per_day")
            else:
                messages.success(request, _("The policy is saved. It applies within a minute."))
                return redirect("organization-fetch-policy", found.slug)
    context = {"form": form, "mode": MODES[rule.mode]}
    return organization_render(
        request, viewer, found, "sg_status/organization/fetching.html", context, tab="organization"
    )


urlpatterns = [
    path("organizations/<organization:slug>/fetching/", organization_fetch_policy, name="organization-fetch-policy")
]
