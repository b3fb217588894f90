"""The page behind an alert's link: it shows the incident, and asks before it acts. Works without a login."""

from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from fleet.alerts.flaps import SETTLE
from fleet.alerts.selectors import incident_shown
from fleet.alerts.sending.act_links import ActLink, incident_of, link_acknowledge, link_find, link_snooze
from fleet.core.errors import DomainError, Forbidden, NotFound
from sg_status.pages.watching.handling_forms import SnoozeForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def incident_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET: what the link would do; this does not use it up. POST: do it."""
    form = SnoozeForm(request.POST if request.POST.get("do") == "snooze" else None)
    try:
        link = link_find(token=token, user=request.user)
        if request.method == "POST" and request.POST.get("do") == "acknowledge":
            return _done(request, link_acknowledge(token=token, user=request.user))
        if request.method == "POST" and form.is_valid():
            return _done(request, link_snooze(token=token, user=request.user, until=form.until()))
    except NotFound as error:
        raise Http404(str(error)) from error
    except DomainError as error:
        status = HTTPStatus.FORBIDDEN if isinstance(error, Forbidden) else HTTPStatus.CONFLICT
        context = {"reason": str(error), "incident_id": incident_of(token)}
        return render(request, "sg_status/watching/incident_link_gone.html", context, status=status)
    return render(request, "sg_status/watching/incident_link.html", {**_context(link), "form": form})


def _done(request: HttpRequest, link: ActLink) -> HttpResponse:
    link.incident.refresh_from_db()
    return render(request, "sg_status/watching/incident_link.html", {**_context(link), "is_done": True})


def _context(link: ActLink) -> dict[str, object]:
    return {
        "shown": incident_shown(link.incident),
        "incident": link.incident,
        "station": link.incident.station,
        "timezone": link.incident.organization.timezone,
        "person": link.actor.name,
        "settle_s": SETTLE.total_seconds(),
    }


urlpatterns = [path("incidents/link/<str:token>/", incident_link, name="incident-link")]
