"""Quarantine: messages that could not be taken, why, and what to do with each."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from fleet.core.errors import DomainError
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.quarantine import quarantine_discard, quarantine_get, quarantine_list
from fleet.ingest.raw_view import raw_view
from fleet.ingest.replay import quarantine_replay
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from sg_status.access import act, page, role_require
from sg_status.menu import MenuEntry

MENU = MenuEntry(gettext_lazy("Quarantine"), "quarantine", 30)

PAGE_SIZE = 50
_STATES = {
    QuarantinedMessage.State.HELD.value: pgettext_lazy("messages", "held"),
    QuarantinedMessage.State.REPLAYED.value: pgettext_lazy("messages", "replayed"),
    QuarantinedMessage.State.DISCARDED.value: pgettext_lazy("messages", "discarded"),
}


@page
@require_safe
def quarantine(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Newest first; station, reason and state are in the address."""
    station, reason = (request.GET.get(name, "").replace("\x00", "")[:64] for name in ("station", "reason"))
    state = request.GET.get("state", "")
    state = state if state in _STATES else QuarantinedMessage.State.HELD.value
    found = quarantine_list(viewer=viewer, station=station, reason=reason, state=state)
    context = {
        "pages": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "station_now": station,
        "reason_now": reason,
        "state_now": state,
        "states": _STATES,
    }
    return render(request, "sg_status/quarantine.html", context)


@page
@require_safe
def quarantine_message(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:
    """One message: who sent it, why it was not taken, and its content as far as it can be shown."""
    message = quarantine_get(viewer=viewer, message_id=message_id)
    properties = {name: value for name, value in message.properties.items() if name != "application_headers"}
    context = {
        "one": message,
        "properties": properties,
        "headers": message.properties.get("application_headers") or {},
        "view": raw_view(bytes(message.body)),
        "state": _STATES.get(message.state, message.state),
        "may_decide": message.state == QuarantinedMessage.State.HELD and _may_decide(viewer, message),
    }
    return render(request, "sg_status/quarantine_message.html", context)


@page
@require_POST
def quarantine_replay_now(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:
    """Try it again."""
    message = _decidable(viewer, message_id)
    try:
        outcome = quarantine_replay(viewer=viewer, message=message)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        if outcome.quarantined:
            messages.warning(request, _("It still cannot be taken; it is back in quarantine with its reason."))
        elif outcome.stored:
            messages.success(request, _("The message is taken now."))
        else:
            messages.success(request, _("The message had been taken before; nothing was added."))
    return redirect("quarantine")


@page
@require_POST
def quarantine_discard_now(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:
    """Give it up."""
    message = _decidable(viewer, message_id)
    done = pgettext("quarantine", "The message is discarded. It stays readable under “discarded”.")
    act(request, lambda: quarantine_discard(viewer=viewer, message=message), done=done)
    return redirect("quarantine")


def _may_decide(viewer: Viewer, message: QuarantinedMessage) -> bool:
    if message.station is None:
        return viewer.sees_all
    return viewer.may(Membership.Role.OPERATOR, message.station.organization_id)


def _decidable(viewer: Viewer, message_id: int) -> QuarantinedMessage:
    """The message, when this viewer may see it (else 404) and decide about it (else 403)."""
    message = quarantine_get(viewer=viewer, message_id=message_id)
    if message.station is not None:
        role_require(viewer, Membership.Role.OPERATOR, message.station.organization_id)
    return message


urlpatterns = [
    path("quarantine/", quarantine, name="quarantine"),
    path("quarantine/<int:message_id>/", quarantine_message, name="quarantine-message"),
    path("quarantine/<int:message_id>/replay/", quarantine_replay_now, name="quarantine-replay"),
    path("quarantine/<int:message_id>/discard/", quarantine_discard_now, name="quarantine-discard"),
]
