"""One alert rule: what it says, where it rings, its incidents, pausing, changing and deleting it."""

from collections.abc import Callable, Mapping
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.alerts.made.selectors import rule_views
from fleet.alerts.made.services import rule_delete, rule_get, rule_pause, rule_resume
from fleet.alerts.models.made import AlertRule
from fleet.alerts.selectors import incident_list, incident_shown
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.rules.list import TAB, form_answer

PAGE_SIZE: Final = 30
#: The buttons' actions, and the sentences after them.
ACTS: Final[Mapping[str, tuple[Callable[..., object], Promise]]] = {
    "pause": (rule_pause, gettext_lazy("Paused. The rule checks nothing until you start it again.")),
    "resume": (rule_resume, gettext_lazy("The rule checks what is measured from now on.")),
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, viewer: Viewer, slug: str, rule_id: int) -> HttpResponse:
    """GET: the rule with its incidents. POST: pause it or start it again."""
    found, one = _find(viewer, slug, rule_id)
    if request.method == "POST":
        viewer.require(Role.OPERATOR, organization=found, to=_("change the alert rules of %(name)s"))
        action, done = ACTS.get(request.POST.get("do", ""), (None, None))
        if action is not None:
            act(request, lambda: action(actor=viewer, rule=one), done=str(done))
        return redirect("organization-rule", found.slug, one.pk)
    incidents = incident_list(viewer=viewer, open_first=True).filter(rule=one.key)
    pages = Paginator(incidents, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "view": rule_views([one])[0],
        "rule": one,
        "pages": pages,
        "rows": [incident_shown(incident) for incident in pages.object_list],
        "may_make": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/rules/detail.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, viewer: Viewer, slug: str, rule_id: int) -> HttpResponse:
    """GET: the form with the rule's values. POST: preview or save it."""
    found, one = _find(viewer, slug, rule_id)
    viewer.require(Role.OPERATOR, organization=found, to=_("change the alert rules of %(name)s"))
    return form_answer(request, viewer, found, one)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, viewer: Viewer, slug: str, rule_id: int) -> HttpResponse:
    """GET: the consequences. POST: delete it."""
    found, one = _find(viewer, slug, rule_id)
    viewer.require(Role.OPERATOR, organization=found, to=_("change the alert rules of %(name)s"))
    if request.method == "POST":
        act(request, lambda: rule_delete(actor=viewer, rule=one), done=_("The rule is deleted."))
        return redirect(TAB, found.slug)
    context = {
        "title": _("Delete %(name)s") % {"name": one.name},
        "text": _("Its open incidents are closed without a message. Past incidents stay."),
        "button": _("Delete the rule"),
        "keep": _("Keep it"),
        "back": TAB,
    }
    return organization_render(request, viewer, found, "sg_status/organization/confirm.html", context, tab=TAB)


def _find(viewer: Viewer, slug: str, rule_id: int) -> tuple[Organization, AlertRule]:
    found = organization_find(viewer=viewer, slug=slug)
    return found, rule_get(organization=found, rule_id=rule_id)


_BASE = "organizations/<organization:slug>/rules/<int:rule_id>/"
urlpatterns = [
    path(_BASE, rule, name="organization-rule"),
    path(f"{_BASE}change/", change, name="rule-change"),
    path(f"{_BASE}delete/", delete, name="rule-delete"),
]
