"""The rest of the menu as a page: on a phone its bar has room for four entries and this one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.organizations.access import Viewer
from sg_status.access import page


@page
@require_safe
def more(request: HttpRequest, _viewer: Viewer) -> HttpResponse:
    """Every entry, the account, the languages, and the way out."""
    return render(request, "sg_status/frame/more.html")


urlpatterns = [path("more/", more, name="more")]
