"""Pages of the rules of which readings are kept: an organization's, and a station's with the readings not kept."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, Forbidden
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.telemetry.clearing.detections import (
    detection_days,
    detections_cleared,
    detections_keep,
    detections_require,
)
from fleet.telemetry.keeping.models import RetentionRule
from fleet.telemetry.keeping.rules import (
    Kept,
    Owner,
    rule_get,
    rule_list,
    rule_of,
    rule_remove,
    rule_set,
    rules_of_station,
    rules_require,
)
from fleet.telemetry.keeping.tallies import station_away
from fleet.telemetry.models import Series
from fleet.telemetry.selectors import series_list
from sg_status.access import act, page, refusal_show
from sg_status.pages.keeping.forms import DetectionsForm, StorageRuleForm
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.station.frame import station_of, station_render

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class RuledSeries:
    """A series with the rule that applies to it."""

    series: Series
    rule: RetentionRule | None


@page
@require_http_methods(["GET", "HEAD", "POST"])
def organization_kept(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the rules for all stations. POST: an owner sets one."""
    found = organization_find(viewer=viewer, slug=slug)
    if request.method == "POST":
        rules_require(actor=viewer, owner=found, kept=Kept())
    form = StorageRuleForm(request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid() and _save(request, viewer, found, form):
        return redirect("organization-kept", found.slug)
    return _organization_render(request, viewer, found, form, None)


@page
@require_POST
def organization_kept_detections(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Set how long single detections are kept."""
    found = organization_find(viewer=viewer, slug=slug)
    detections_require(actor=viewer, organization=found)
    form = DetectionsForm(request.POST, auto_id="detections-%s")
    if not form.is_valid():
        return _organization_render(request, viewer, found, None, form)
    days = form.cleaned_data["days"]
    act(
        request,
        lambda: detections_keep(actor=viewer, organization=found, days=days),
        done=_("The rule is saved."),
    )
    return redirect("organization-kept", found.slug)


def _organization_render(
    request: HttpRequest,
    viewer: Viewer,
    found: Organization,
    form: StorageRuleForm | None,
    detections: DetectionsForm | None,
) -> HttpResponse:
    days, rules = detection_days(found), rule_list(owner=found)
    context = {
        "form": form or StorageRuleForm.of(request.GET, rules),
        "rules": rules,
        "days": days,
        "detections_form": detections or DetectionsForm(initial={"days": days}, auto_id="detections-%s"),
    }
    return organization_render(
        request, viewer, found, "sg_status/keeping/organization.html", context, tab="organization"
    )


@page
@require_POST
def organization_kept_remove(request: HttpRequest, viewer: Viewer, slug: str, rule_id: int) -> HttpResponse:
    """Remove a rule of an organization."""
    found = organization_find(viewer=viewer, slug=slug)
    rules_require(actor=viewer, owner=found, kept=None)
    _remove(request, viewer, found, rule_id)
    return redirect("organization-kept", found.slug)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_kept(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """GET: the station's rules and what they kept back or removed. POST: set one; only owners if it deletes data."""
    station = station_of(viewer, serial)
    if request.method == "POST":
        rules_require(actor=viewer, owner=station, kept=Kept())
    form = StorageRuleForm(request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid() and _save(request, viewer, station, form):
        return redirect("station-kept", station.serial)
    rules = rules_of_station(station)
    own = [rule for rule in rules if rule.station_id == station.pk]
    pages = Paginator(series_list(station=station), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form or StorageRuleForm.of(request.GET, own),
        "may_own": viewer.may_station(Role.OWNER, station),
        "rules": own,
        "rules_of_all": [rule for rule in rules if rule.station_id is None],
        "away": station_away(station),
        "cleared": detections_cleared(station),
        "pages": pages,
        "rows": [RuledSeries(one, rule_of(rules, station_id=station.pk, name=one.name)) for one in pages.object_list],
    }
    return station_render(request, viewer, station, "sg_status/keeping/station.html", context, tab="station-settings")


@page
@require_POST
def station_kept_remove(request: HttpRequest, viewer: Viewer, serial: str, rule_id: int) -> HttpResponse:
    """Remove a rule of a station."""
    station = station_of(viewer, serial)
    rules_require(actor=viewer, owner=station, kept=None)
    _remove(request, viewer, station, rule_id)
    return redirect("station-kept", station.serial)


def _save(request: HttpRequest, viewer: Viewer, owner: Owner, form: StorageRuleForm) -> bool:
    try:
        rule_set(actor=viewer, owner=owner, pattern=form.cleaned_data["pattern"], kept=form.kept())
    except Forbidden:
        raise
    except DomainError as error:
        refusal_show(form, error)
        return False
    messages.success(request, _("The rule is saved."))
    return True


def _remove(request: HttpRequest, viewer: Viewer, owner: Owner, rule_id: int) -> None:
    rule = rule_get(owner=owner, pk=rule_id)
    done = _("The rule for %(pattern)s is removed. What it removed does not come back.") % {"pattern": rule.pattern}
    act(request, lambda: rule_remove(actor=viewer, owner=owner, pattern=rule.pattern), done=done)


_OF_ORGANIZATION = "organizations/<organization:slug>/kept/"
_OF_STATION = "stations/<serial:serial>/kept/"

urlpatterns = [
    path(_OF_ORGANIZATION, organization_kept, name="organization-kept"),
    path(f"{_OF_ORGANIZATION}detections/", organization_kept_detections, name="organization-kept-detections"),
    path(f"{_OF_ORGANIZATION}<int:rule_id>/remove/", organization_kept_remove, name="organization-kept-remove"),
    path(_OF_STATION, station_kept, name="station-kept"),
    path(f"{_OF_STATION}<int:rule_id>/remove/", station_kept_remove, name="station-kept-remove"),
]
