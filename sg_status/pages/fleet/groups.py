"""Groups of stations: the list, one group with its stations, and changing them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, InvalidInput
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import StationGroup
from fleet.stations.selectors import station_get, station_list
from fleet.stations.sorting.groups import (
    group_create,
    group_delete,
    group_get,
    group_list,
    group_member_set,
    group_update,
)
from sg_status.access import act, page, refusal_show
from sg_status.pages.fleet.forms import RULES, GroupAddForm, GroupForm

#: Stations listed on a group's page; a filter shows all of them.
MEMBERS_SHOWN = 100
_OPERATOR = Membership.Role.OPERATOR


@page
@require_http_methods(["GET", "HEAD", "POST"])
def groups(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The groups of the viewer's organizations; POST creates one."""
    mine = viewer.organization_ids(_OPERATOR)
    form = GroupAddForm(mine, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require_somewhere(_OPERATOR, to=_("create groups"))
        if form.is_valid() and (made := _create(viewer, form)):
            messages.success(request, _("The group %(name)s is created.") % {"name": made.name})
            return redirect("group", group_id=made.pk)
    words = dict(RULES)
    rows = [(group, words[StationGroup.Rule(group.rule)]) for group in group_list(viewer=viewer)]
    return render(request, "sg_status/fleet/groups.html", {"rows": rows, "form": form if mine else None})


@page
@require_http_methods(["GET", "HEAD", "POST"])
def group(request: HttpRequest, viewer: Viewer, group_id: int) -> HttpResponse:
    """One group with its stations; POST changes its name and rule."""
    found = group_get(viewer=viewer, group_id=group_id)
    may_operate = viewer.may(_OPERATOR, found.organization_id)
    given = {"name": found.name, "rule": found.rule, "value": found.value}
    form = GroupForm(request.POST if request.method == "POST" else None, initial=given)
    if request.method == "POST":
        viewer.require(_OPERATOR, organization=found.organization_id, to=_("change groups"))
        if form.is_valid() and _update(viewer, found, form):
            messages.success(request, _("The group is saved."))
            return redirect("group", group_id=found.pk)
    stations = station_list(viewer=viewer, group=found.pk, sort="serial")
    by_hand = set(found.members.values_list("pk", flat=True))
    context = {
        "group": group_get(viewer=viewer, group_id=group_id),
        "form": form if may_operate else None,
        "rule": dict(RULES)[StationGroup.Rule(given["rule"])],
        "rows": [(station, station.pk in by_hand) for station in stations[:MEMBERS_SHOWN]],
        "number": stations.count(),
        "may_operate": may_operate,
    }
    return render(request, "sg_status/fleet/group.html", context)


@page
@require_POST
def group_member(request: HttpRequest, viewer: Viewer, group_id: int) -> HttpResponse:
    """Add a station by its serial, or remove one."""
    found = group_get(viewer=viewer, group_id=group_id)
    viewer.require(_OPERATOR, organization=found.organization_id, to=_("change groups"))
    serial = request.POST.get("serial", "").strip()
    try:
        station = station_get(viewer=viewer, serial=serial)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("group", group_id=found.pk)
    is_member = request.POST.get("act") != "remove"
    done = _("%(station)s is in this group.") if is_member else _("%(station)s is removed from this group.")
    act(
        request,
        lambda: group_member_set(actor=viewer, group=found, station=station, is_member=is_member),
        done=done % {"station": station},
    )
    return redirect("group", group_id=found.pk)


@page
@require_POST
def group_gone(request: HttpRequest, viewer: Viewer, group_id: int) -> HttpResponse:
    """Delete a group; its stations remain."""
    found = group_get(viewer=viewer, group_id=group_id)
    done = _("The group %(name)s is deleted. Its stations remain.") % {"name": found.name}
    act(request, lambda: group_delete(actor=viewer, group=found), done=done)
    return redirect("groups")


def _create(viewer: Viewer, form: GroupAddForm) -> StationGroup | None:
    try:
        return group_create(actor=viewer, **form.cleaned_data)
    except InvalidInput as error:
        refusal_show(form, error)
    return None


def _update(viewer: Viewer, found: StationGroup, form: GroupForm) -> bool:
    try:
        group_update(actor=viewer, group=found, **form.cleaned_data)
    except InvalidInput as error:
        refusal_show(form, error)
        return False
    return True


urlpatterns = [
    path("groups/", groups, name="groups"),
    path("groups/<int:group_id>/", group, name="group"),
    path("groups/<int:group_id>/stations/", group_member, name="group-member"),
    path("groups/<int:group_id>/delete/", group_gone, name="group-delete"),
]
