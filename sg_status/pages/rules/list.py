"""An organization's alert rules: the list, and making one, with a preview before it is saved."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from fleet.alerts.made.preview import Preview
from fleet.alerts.made.selectors import rule_list, rule_views
from fleet.alerts.made.services import rule_add, rule_change, rule_preview
from fleet.alerts.made.suggestions import suggestion_list
from fleet.alerts.models.made import AlertRule
from fleet.core.errors import DomainError, Forbidden, InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.rules.forms import RENAMED, RuleForm

TAB: Final = "organization-rules"
#: Maximum stations that a preview names.
_ROWS_MOST: Final = 30


@page
@require_safe
def rules(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The rules and their state."""
    found = organization_find(viewer=viewer, slug=slug)
    context = {
        "rows": rule_views(list(rule_list(organization=found))),
        "may_make": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/rules/list.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the form; the address may fill some of it in. POST: preview the rule or save it."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OPERATOR, organization=found, to=_("change the alert rules of %(name)s"))
    return form_answer(request, viewer, found, None)


def form_answer(request: HttpRequest, viewer: Viewer, found: Organization, rule: AlertRule | None) -> HttpResponse:
    """The form of a new or an existing rule; saving it redirects to the rule's page."""
    if request.method != "POST":
        return _render(request, viewer, found, RuleForm.of_rule(rule, None, **request.GET.dict()), rule, None)
    form = RuleForm.of_rule(rule, request.POST)
    if "is_sure" in request.POST:
        form.ask_if_sure()
    preview: Preview | None = None
    if form.is_valid():
        try:
            draft = form.draft()
            if request.POST.get("do") == "preview":
                preview = rule_preview(actor=viewer, organization=found, draft=draft, rule=rule)
            else:
                is_sure = bool(form.cleaned_data.get("is_sure"))
                saved = (
                    rule_add(actor=viewer, organization=found, draft=draft, is_sure=is_sure)
                    if rule is None
                    else rule_change(actor=viewer, rule=rule, draft=draft, is_sure=is_sure)
                )
                return redirect("organization-rule", found.slug, saved.pk)
        except (Forbidden, NotFound):
            raise
        except DomainError as error:
            if isinstance(error, InvalidInput) and error.field == "is_sure" and "is_sure" not in form.fields:
                form.ask_if_sure()
            refusal_show(form, error, **RENAMED)
    return _render(request, viewer, found, form, rule, preview)


def _render(
    request: HttpRequest,
    viewer: Viewer,
    found: Organization,
    form: RuleForm,
    rule: AlertRule | None,
    preview: Preview | None,
) -> HttpResponse:
    is_new = rule is None and not form.is_bound
    context: dict[str, Any] = {
        "suggested": [(one, urlencode(one.fields)) for one in (suggestion_list(organization=found) if is_new else ())],
        "form": form,
        "rule": rule,
        "preview": preview,
        "preview_rows": preview.rows[:_ROWS_MOST] if preview else (),
        "preview_more": max(len(preview.rows) - _ROWS_MOST, 0) if preview else 0,
    }
    return organization_render(request, viewer, found, "sg_status/rules/form.html", context, tab=TAB)


_BASE = "organizations/<organization:slug>/rules/"
urlpatterns = [
    path(_BASE, rules, name=TAB),
    path(f"{_BASE}add/", add, name="rule-add"),
]
