"""API keys of an organization: owners see all, other members their own. A secret is shown once."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core import clock
from fleet.core.errors import DomainError
from fleet.organizations.access import Role, Viewer
from fleet.organizations.keys import api_key_get, api_key_list, api_key_revoke, key_state
from fleet.organizations.models import ApiKey, Organization
from fleet.organizations.selectors import organization_find
from fleet.stations.keys import api_key_create
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.forms import KeyForm
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key as shown in the table."""

    key: ApiKey
    state: str
    stations: list[str]


@page
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the keys that the viewer sees. POST: create one; only this answer shows its secret."""
    found = organization_find(viewer=viewer, slug=slug)
    is_post = request.method == "POST"
    if is_post and request.POST.get("whose") != "mine":
        viewer.require(Role.OWNER, organization=found, to=_("make keys for %(name)s"))
    form = KeyForm(request.POST if is_post else None)
    made = _make(viewer, found, form) if is_post and form.is_valid() else None
    shown_page = Paginator(api_key_list(organization=found, viewer=viewer), PAGE_SIZE).get_page(request.GET.get("page"))
    moment = clock.now()
    context = {
        "form": KeyForm() if made else form,
        "made": made,
        "pages": shown_page,
        "rows": [
            KeyRow(key, key_state(key, moment), sorted(station.serial for station in key.stations.all()))
            for key in shown_page.object_list
        ],
    }
    answer = organization_render(
        request, viewer, found, "sg_status/organization/keys.html", context, tab="organization-keys"
    )
    if made:
        answer.headers["Cache-Control"] = "no-store"
    return answer


@page
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, viewer: Viewer, slug: str, prefix: str) -> HttpResponse:
    """GET: the consequences. POST: revoke the key."""
    found = organization_find(viewer=viewer, slug=slug)
    key = api_key_get(organization=found, prefix=prefix, viewer=viewer)
    if request.method == "POST":
        done = _("The key %(name)s no longer works.") % {"name": key.name}
        act(request, lambda: api_key_revoke(api_key=key, actor=viewer), done=done)
        return redirect("organization-keys", found.slug)
    context = {
        "title": _("Revoke the key %(name)s") % {"name": key.name},
        "text": _("Programs that use it are refused from now on. You cannot undo this, but you can create a new key."),
        "button": _("Revoke the key %(name)s") % {"name": key.name},
        "keep": _("Keep the key"),
        "back": "organization-keys",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/confirm.html", context, tab="organization-keys"
    )


def _make(viewer: Viewer, found: Organization, form: KeyForm) -> dict[str, Any] | None:
    told = form.cleaned_data
    try:
        key, secret = api_key_create(
            organization=found,
            name=told["name"],
            is_read_only=told["may"] == "read",
            is_personal=told["whose"] == "mine",
            serials=told["stations"].split() or None,
            expires_at=told["expires"],
            actor=viewer,
        )
    except DomainError as error:
        refusal_show(form, error, expires_at="expires")
        return None
    return {"name": key.name, "secret": secret}


urlpatterns = [
    path("organizations/<organization:slug>/keys/", keys, name="organization-keys"),
    path("organizations/<organization:slug>/keys/<str:prefix>/revoke/", revoke, name="key-revoke"),
]
