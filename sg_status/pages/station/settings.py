"""Settings of a station: name and interval, enrolment token and logins, and taking it out of service."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core import clock
from fleet.core.errors import DomainError
from fleet.organizations.access import Role, Viewer
from fleet.stations.logins.live import login_at_stake
from fleet.stations.logins.suspension import station_suspension_lift
from fleet.stations.models import LoginPurpose, Station
from fleet.stations.quotas import quota_require, station_quota, station_quota_set
from fleet.stations.selectors import credential_list, login_purposes
from fleet.stations.services import enrolment_token_create, station_change, station_retire, station_revoke
from sg_status.access import act, page, refusal_show
from sg_status.pages.station.forms import QuotaForm, StationForm
from sg_status.pages.station.frame import station_of, station_render
from sg_status.pages.station.token_shown import enrolment_render

CREDENTIALS_SHOWN = 10


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_settings(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """GET: the settings. POST: change them."""
    station = station_of(viewer, serial)
    form = StationForm.of(viewer, station, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
        if form.is_valid() and _save(viewer, station, form):
            messages.success(request, _("The settings are saved."))
            return redirect("station-settings", serial=station.serial)
    return _settings_render(request, viewer, station, form, QuotaForm.of(station))


@page
@require_POST
def station_quota_save(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Set a station's own quota; only for administrators of the server."""
    station = station_of(viewer, serial)
    quota_require(viewer)
    form = QuotaForm.of(station, request.POST)
    if not form.is_valid():
        return _settings_render(request, viewer, station, StationForm.of(viewer, station), form)
    done = _("The quota is saved. It applies from the next message on.")
    act(request, lambda: station_quota_set(actor=viewer, station=station, quota=form.quota()), done=done)
    return redirect("station-settings", serial=station.serial)


def _settings_render(
    request: HttpRequest, viewer: Viewer, station: Station, form: StationForm, quota_form: QuotaForm
) -> HttpResponse:
    purposes = login_purposes(station=station)
    context = {
        "form": form,
        "quota_form": quota_form if viewer.sees_all else None,
        "quota": station_quota(station),
        "credentials": credential_list(station=station)[:CREDENTIALS_SHOWN],
        "has_login": LoginPurpose.STATION in purposes,
        "has_desk": LoginPurpose.UPLOAD in purposes,
    }
    return station_render(request, viewer, station, "sg_status/station/settings.html", context, tab="station-settings")


@page
@require_POST
def station_token(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Create an enrolment token for the station or for a desk; shown only once."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("enrol %(serial)s"))
    is_upload = request.POST.get("purpose") == LoginPurpose.UPLOAD
    purpose = LoginPurpose.UPLOAD if is_upload else LoginPurpose.STATION
    try:
        token = enrolment_token_create(station=station, actor=viewer, purpose=purpose)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("station-settings", serial=station.serial)
    warning = "" if is_upload else login_at_stake(station=station, moment=clock.now())
    return enrolment_render(request, viewer, station, token, purpose=purpose, warning=warning)


@page
@require_POST
def station_desk_revoke(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Revoke the login of a desk; the station's own stays valid."""
    station = station_of(viewer, serial)
    done = _("The desk's login is revoked. The station's own login stays valid.")
    act(request, lambda: station_revoke(station=station, actor=viewer, purpose=LoginPurpose.UPLOAD), done=done)
    return redirect("station-settings", serial=station.serial)


@page
@require_POST
def station_let_in(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Lift a suspension."""
    station = station_of(viewer, serial)
    done = _("%(station)s can send again.") % {"station": station}
    act(request, lambda: station_suspension_lift(viewer=viewer, station=station), done=done)
    return redirect("station-settings", serial=station.serial)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_revoke_confirm(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Explain revoking; do it."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("revoke %(serial)s"))
    if request.method == "POST":
        done = _("The login of %(serial)s is revoked and its connection closed.") % {"serial": station.serial}
        act(request, lambda: station_revoke(station=station, actor=viewer), done=done)
        return redirect("station-settings", serial=station.serial)
    context = {
        "title": _("Revoke the login of this station"),
        "text": _(
            "Its connection is closed at once, and it can no longer send or receive. The data already sent "
            "stays. Data recorded from now on waits on the station until it is enrolled again with a new "
            "token."
        ),
        "button": _("Revoke the login of %(station)s") % {"station": station},
        "keep": _("Keep the login"),
    }
    return station_render(request, viewer, station, "sg_status/station/confirm.html", context, tab="station-settings")


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_retire_confirm(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Explain retiring; do it."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    if request.method == "POST":
        done = _("%(station)s is retired. Its data is kept.") % {"station": station}
        act(request, lambda: station_retire(station=station, actor=viewer), done=done)
        return redirect("station", serial=station.serial)
    context = {
        "title": _("Retire this station"),
        "text": _(
            "Its login is permanently revoked, its waiting commands are not run, and it is no longer listed "
            "among the stations in service. Everything it sent is kept. You cannot undo this."
        ),
        "button": _("Retire %(station)s permanently") % {"station": station},
        "keep": _("Keep it in service"),
    }
    return station_render(request, viewer, station, "sg_status/station/confirm.html", context, tab="station-settings")


def _save(viewer: Viewer, station: Station, form: StationForm) -> bool:
    try:
        station_change(station=station, actor=viewer, **form.changes())
    except DomainError as error:
        refusal_show(form, error, operator_interval_s="interval_hours", data_plan_bytes="data_plan_mb")
        return False
    return True


_BASE = "stations/<serial:serial>/settings/"

urlpatterns = [
    path(_BASE, station_settings, name="station-settings"),
    path(f"{_BASE}token/", station_token, name="station-token"),
    path(f"{_BASE}desk/revoke/", station_desk_revoke, name="station-desk-revoke"),
    path(f"{_BASE}quota/", station_quota_save, name="station-quota"),
    path(f"{_BASE}let-in/", station_let_in, name="station-let-in"),
    path(f"{_BASE}revoke/", station_revoke_confirm, name="station-revoke"),
    path(f"{_BASE}retire/", station_retire_confirm, name="station-retire"),
]
