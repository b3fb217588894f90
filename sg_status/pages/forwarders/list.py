"""An organization's forwarders: the list, and adding one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from fleet.core.errors import DomainError, Forbidden, NotFound
from fleet.forward.kinds import kinds
from fleet.forward.selectors import forwarder_query, forwarder_state, forwarder_states
from fleet.forward.services import forwarder_add, kind_get
from fleet.organizations.access import Role, Viewer
from fleet.organizations.selectors import organization_find
from sg_status.access import page, refusal_show
from sg_status.pages.forwarders.forms import OF_WHAT, SETTING, ForwarderForm
from sg_status.pages.organization.frame import organization_render

TAB = "organization-forwarders"


@page
@require_safe
def forwarders(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The list, and the kinds that can be added."""
    found = organization_find(viewer=viewer, slug=slug)
    rows = forwarder_states(list(forwarder_query(organization=found)))
    context = {"rows": rows, "kinds": sorted(kinds().values(), key=lambda one: one.name)}
    return organization_render(request, viewer, found, "sg_status/forwarders/list.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, viewer: Viewer, slug: str, kind: str) -> HttpResponse:
    """GET: the form for a kind. POST: add it; secrets that Roost made are shown once."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OWNER, organization=found, to=_("change the forwarders of %(name)s"))
    known = kind_get(kind)
    form = ForwarderForm.of(known, None, request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "kind": known, "verb": _("Add the forwarder")}
    if request.method == "POST" and form.is_valid():
        try:
            forwarder, made = forwarder_add(
                actor=viewer,
                organization=found,
                kind=known.name,
                name=form.cleaned_data["name"],
                settings=form.settings_told(),
                choice=form.choice(),
            )
        except (Forbidden, NotFound):
            raise
        except DomainError as error:
            refusal_show(form, error, **{one.name: SETTING + one.name for one in known.settings}, **OF_WHAT)
        else:
            context = {"state": forwarder_state(forwarder=forwarder), "made": made}
            return organization_render(request, viewer, found, "sg_status/forwarders/added.html", context, tab=TAB)
    return organization_render(request, viewer, found, "sg_status/forwarders/form.html", context, tab=TAB)


_BASE = "organizations/<organization:slug>/forwarders/"
urlpatterns = [
    path(_BASE, forwarders, name=TAB),
    path(f"{_BASE}add/<slug:kind>/", add, name="forwarder-add"),
]
