"""Saved views of the fleet page."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fleet.organizations.access import Viewer
from fleet.stations.sorting.saved_filters import filter_delete, filter_save
from sg_status.access import act, page


@page
@require_POST
def filter_keep(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Save the view shown on the fleet page."""
    user, name, query = _person(viewer), request.POST.get("name", ""), request.POST.get("query", "")
    done = _("The view is saved as “%(name)s”.") % {"name": name.strip()[:60]}
    act(request, lambda: filter_save(user=user, name=name, query=query), done=done)
    return redirect(f"{reverse('fleet')}?{query}" if query else "fleet")


@page
@require_POST
def filter_forget(request: HttpRequest, viewer: Viewer, filter_id: int) -> HttpResponse:
    """Delete a saved view."""
    user = _person(viewer)
    act(request, lambda: filter_delete(user=user, filter_id=filter_id), done=_("The view is deleted."))
    return redirect("fleet")


def _person(viewer: Viewer) -> User:
    if viewer.user is None:
        raise PermissionDenied(_("Only people can save views."))
    return viewer.user


urlpatterns = [
    path("filters/", filter_keep, name="filter-keep"),
    path("filters/<int:filter_id>/forget/", filter_forget, name="filter-forget"),
]
