"""An organization's taps: the list, adding one, one tap with what waits in it, a new secret, and deleting it."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError, Forbidden, NotFound, Unavailable
from fleet.forward.models import Tap
from fleet.forward.taps.selectors import tap_find, tap_list
from fleet.forward.taps.services import (
    TapGrant,
    tap_add,
    tap_delete,
    tap_owner_require,
    tap_secret_renew,
)
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.taps.forms import TapForm

TAB: Final = "organization-taps"


@page
@require_http_methods(["GET", "HEAD", "POST"])
def taps(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the list, and the form for a new one. POST: add it; only this answer shows its secret."""
    found = organization_find(viewer=viewer, slug=slug)
    is_post = request.method == "POST"
    if is_post:
        tap_owner_require(viewer, found)
    form = TapForm(request.POST if is_post else None)
    if is_post and form.is_valid():
        try:
            tap, grant = tap_add(actor=viewer, organization=found, name=form.cleaned_data["name"], choice=form.choice())
        except (Forbidden, NotFound, Unavailable):
            raise
        except DomainError as error:
            refusal_show(form, error, bytes="megabytes", hours="days")
        else:
            return _made(request, viewer, found, tap, grant)
    context = {"rows": tap_list(organization=found), "form": form}
    return organization_render(request, viewer, found, "sg_status/taps/list.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def tap(request: HttpRequest, viewer: Viewer, slug: str, tap_id: int) -> HttpResponse:
    """GET: the tap and what waits in it. POST: give it a new secret; only this answer shows the secret."""
    found = organization_find(viewer=viewer, slug=slug)
    one = tap_find(organization=found, tap_id=tap_id)
    if request.method == "POST":
        return _made(request, viewer, found, one, tap_secret_renew(actor=viewer, tap=one))
    context = {"tap": one, "events": one.events, "stations": one.stations, "days": one.seconds_most // 86_400}
    return organization_render(request, viewer, found, "sg_status/taps/detail.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, viewer: Viewer, slug: str, tap_id: int) -> HttpResponse:
    """GET: the consequences. POST: delete it."""
    found = organization_find(viewer=viewer, slug=slug)
    one = tap_find(organization=found, tap_id=tap_id)
    tap_owner_require(viewer, found)
    if request.method == "POST":
        act(request, lambda: tap_delete(actor=viewer, tap=one), done=_("The tap is deleted."))
        return redirect(TAB, found.slug)
    context = {
        "title": _("Delete %(name)s") % {"name": one.name},
        "text": _("The program that reads it is disconnected, and the events that wait in it are deleted."),
        "button": _("Delete the tap"),
        "keep": _("Keep it"),
        "back": TAB,
    }
    return organization_render(request, viewer, found, "sg_status/organization/confirm.html", context, tab=TAB)


def _made(request: HttpRequest, viewer: Viewer, found: Organization, made: Tap, grant: TapGrant) -> HttpResponse:
    context: dict[str, Any] = {"tap": made, "grant": grant}
    answer = organization_render(request, viewer, found, "sg_status/taps/made.html", context, tab=TAB)
    answer.headers["Cache-Control"] = "no-store"
    return answer


_BASE = "organizations/<organization:slug>/taps/"
urlpatterns = [
    path(_BASE, taps, name=TAB),
    path(f"{_BASE}<int:tap_id>/", tap, name="organization-tap"),
    path(f"{_BASE}<int:tap_id>/delete/", delete, name="tap-delete"),
]
