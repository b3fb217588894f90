"""One forwarder: how far it is, the last answer, refused rows, pausing, back-fills, changing and removing it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, Forbidden, InvalidInput, NotFound
from fleet.forward.kinds import kinds
from fleet.forward.models import Forwarder
from fleet.forward.selectors import forwarder_find, forwarder_state, refused_list
from fleet.forward.services import (
    forwarder_backfill,
    forwarder_change,
    forwarder_pause,
    forwarder_refused_again,
    forwarder_refused_discard,
    forwarder_remove,
    forwarder_resume,
    forwarder_test,
    kind_get,
)
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.forwarders.forms import OF_WHAT, SETTING, ForwarderBackfillForm, ForwarderForm
from sg_status.pages.forwarders.list import TAB
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 20
#: The buttons' actions, and the sentences after them.
ACTS: Final[Mapping[str, tuple[Callable[..., object], Promise]]] = {
    "pause": (forwarder_pause, gettext_lazy("Paused. New rows wait until it is started again.")),
    "resume": (forwarder_resume, gettext_lazy("The forwarder sends again.")),
    "test": (forwarder_test, gettext_lazy("The test is on its way. Load this page again in a moment.")),
    "again": (forwarder_refused_again, gettext_lazy("The refused rows are being sent again.")),
    "discard": (forwarder_refused_discard, gettext_lazy("The refused rows are discarded.")),
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def forwarder(request: HttpRequest, viewer: Viewer, slug: str, forwarder_id: int) -> HttpResponse:
    """GET: the forwarder's state. POST: do what one of its buttons says."""
    found, one = _find(viewer, slug, forwarder_id)
    if request.method == "POST":
        viewer.require(Role.OPERATOR, organization=found, to=_("operate the forwarders of %(name)s"))
        action, done = ACTS.get(request.POST.get("do", ""), (None, None))
        if action is not None:
            act(request, lambda: action(actor=viewer, forwarder=one), done=str(done))
        return redirect("organization-forwarder", found.slug, one.pk)
    return _render(request, viewer, found, one, ForwarderBackfillForm())


@page
@require_POST
def backfill(request: HttpRequest, viewer: Viewer, slug: str, forwarder_id: int) -> HttpResponse:
    """Start a back-fill from a moment."""
    found, one = _find(viewer, slug, forwarder_id)
    viewer.require(Role.OPERATOR, organization=found, to=_("operate the forwarders of %(name)s"))
    form = ForwarderBackfillForm(request.POST)
    if form.is_valid():
        try:
            forwarder_backfill(actor=viewer, forwarder=one, start=form.cleaned_data["start"])
        except InvalidInput as error:
            refusal_show(form, error, **{"from": "start"})
        else:
            messages.success(request, _("The back-fill has begun. New rows go first."))
            return redirect("organization-forwarder", found.slug, one.pk)
    return _render(request, viewer, found, one, form)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, viewer: Viewer, slug: str, forwarder_id: int) -> HttpResponse:
    """GET: the form with the current values. POST: change the forwarder; its position in the data stays."""
    found, one = _find(viewer, slug, forwarder_id)
    viewer.require(Role.OWNER, organization=found, to=_("change the forwarders of %(name)s"))
    kind = kind_get(one.kind)
    form = ForwarderForm.of(kind, one, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _change(viewer, one, form):
        return redirect("organization-forwarder", found.slug, one.pk)
    context = {"form": form, "kind": kind, "verb": _("Save")}
    return organization_render(request, viewer, found, "sg_status/forwarders/form.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, viewer: Viewer, slug: str, forwarder_id: int) -> HttpResponse:
    """GET: the consequences. POST: remove it."""
    found, one = _find(viewer, slug, forwarder_id)
    viewer.require(Role.OWNER, organization=found, to=_("change the forwarders of %(name)s"))
    if request.method == "POST":
        act(request, lambda: forwarder_remove(actor=viewer, forwarder=one), done=_("The forwarder is removed."))
        return redirect(TAB, found.slug)
    context = {
        "title": _("Remove %(name)s") % {"name": one.name},
        "text": _(
            "Roost stops sending there, and deletes the forwarder's secrets, counts and refused rows. Rows already "
            "sent stay there."
        ),
        "button": _("Remove the forwarder"),
        "keep": _("Keep it"),
        "back": TAB,
    }
    return organization_render(request, viewer, found, "sg_status/organization/confirm.html", context, tab=TAB)


def _find(viewer: Viewer, slug: str, forwarder_id: int) -> tuple[Organization, Forwarder]:
    found = organization_find(viewer=viewer, slug=slug)
    return found, forwarder_find(organization=found, forwarder_id=forwarder_id)


def _change(viewer: Viewer, one: Forwarder, form: ForwarderForm) -> bool:
    try:
        forwarder_change(
            actor=viewer,
            forwarder=one,
            name=form.cleaned_data["name"],
            settings=form.settings_told(),
            choice=form.choice(),
        )
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        refusal_show(form, error, **{name.removeprefix(SETTING): name for name in form.fields}, **OF_WHAT)
        return False
    return True


def _render(
    request: HttpRequest, viewer: Viewer, found: Organization, one: Forwarder, form: ForwarderBackfillForm
) -> HttpResponse:
    pages = Paginator(refused_list(forwarder=one), PAGE_SIZE).get_page(request.GET.get("page"))
    kind = kinds().get(one.kind)
    context: dict[str, Any] = {
        "state": forwarder_state(forwarder=one),
        "forwarder": one,
        "repeats": kind.repeats if kind else "",
        "pages": pages,
        "form": form,
        "may_steer": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/forwarders/detail.html", context, tab=TAB)


_BASE = "organizations/<organization:slug>/forwarders/<int:forwarder_id>/"
urlpatterns = [
    path(_BASE, forwarder, name="organization-forwarder"),
    path(f"{_BASE}backfill/", backfill, name="forwarder-backfill"),
    path(f"{_BASE}change/", change, name="forwarder-change"),
    path(f"{_BASE}remove/", remove, name="forwarder-remove"),
]
