"""Quarantine: messages that could not be processed, why, and deciding about one, or about all with the same reason."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from fleet.core.errors import DomainError
from fleet.ingest.delivery import FORKED
from fleet.ingest.limits.quarantine_budget import tallies_cut
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.quarantine import (
    NOTE_MOST,
    quarantine_counts,
    quarantine_decide_require,
    quarantine_discard,
    quarantine_get,
    quarantine_list,
    quarantine_may_decide,
    quarantine_waiting,
)
from fleet.ingest.raw_view import raw_view
from fleet.ingest.replay import quarantine_replay, quarantine_replay_ask, quarantine_replay_list
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from sg_status.access import act, page
from sg_status.menu import MenuEntry
from sg_status.time_fields import MomentField

MENU = MenuEntry(
    gettext_lazy("Held back"),
    "quarantine",
    30,
    "held",
    count=lambda viewer: quarantine_waiting(viewer=viewer, most=100),
)

PAGE_SIZE = 50
REPLAYS_SHOWN = 5
#: Maximum reasons shown with their count; there are about thirty.
REASONS_SHOWN = 40
#: Maximum pairs of station and reason shown with more messages than are kept in full.
CUT_SHOWN = 50
_STATES = {
    QuarantinedMessage.State.HELD.value: pgettext_lazy("messages", "held"),
    QuarantinedMessage.State.REPLAYED.value: pgettext_lazy("messages", "replayed"),
    QuarantinedMessage.State.DISCARDED.value: pgettext_lazy("messages", "discarded"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters in the URL. An unreadable time filters nothing, and `period` shows the error."""

    station: str
    reason: str
    state: str
    period: "PeriodForm"

    @property
    def since(self) -> datetime | None:
        """The beginning of the period, if there is one."""
        return self.period.cleaned_data.get("from")

    @property
    def until(self) -> datetime | None:
        """The end of the period, if there is one."""
        return self.period.cleaned_data.get("to")

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the state is filtered."""
        return bool(self.station or self.reason or self.since or self.until)


class PeriodForm(forms.Form):
    """When messages were received; the address holds the times with their zone, so it means the same to everybody."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.fields["from"] = MomentField(label=_("Received from"), required=False)
        self.fields["to"] = MomentField(label=_("Received until"), required=False)


@page
@require_safe
def quarantine(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Messages, newest first; station, reason, time and state are in the URL."""
    asked = _filters_of(request)
    listed = partial(
        quarantine_list,
        viewer=viewer,
        station=asked.station,
        state=asked.state,
        start=asked.since,
        end=asked.until,
    )
    is_held = asked.state == QuarantinedMessage.State.HELD
    context = {
        "pages": Paginator(listed(reason=asked.reason), PAGE_SIZE).get_page(request.GET.get("page")),
        "asked": asked,
        "states": _STATES,
        "reasons": quarantine_counts(messages=listed())[:REASONS_SHOWN],
        "cut": tallies_cut(viewer=viewer, station=asked.station)[:CUT_SHOWN],
        "replays": quarantine_replay_list(viewer=viewer)[:REPLAYS_SHOWN],
        "may_replay_all": is_held
        and asked.reason not in ("", FORKED)
        and viewer.may_somewhere(Membership.Role.OPERATOR),
    }
    return render(request, "sg_status/watching/quarantine.html", context)


@page
@require_safe
def quarantine_message(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:
    """One message: its sender, why it was not processed, and its content as far as it can be shown."""
    message = quarantine_get(viewer=viewer, message_id=message_id)
    properties = {name: value for name, value in message.properties.items() if name != "application_headers"}
    is_held = message.state == QuarantinedMessage.State.HELD
    context = {
        "one": message,
        "properties": properties,
        "headers": message.properties.get("application_headers") or {},
        "view": raw_view(bytes(message.body)),
        "state": _STATES.get(message.state, message.state),
        "may_decide": is_held and quarantine_may_decide(viewer=viewer, message=message),
        "is_forked": message.reason == FORKED,
        "note_most": NOTE_MOST,
    }
    return render(request, "sg_status/watching/quarantine_message.html", context)


@page
@require_safe
def quarantine_body(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:  # noqa: ARG001 - Django's
    """The exact content, as a file that no browser opens."""
    message = quarantine_get(viewer=viewer, message_id=message_id)
    headers = {
        "Content-Disposition": f'attachment; filename="message-{message.pk}.bin"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return HttpResponse(bytes(message.body), content_type="application/octet-stream", headers=headers)


@page
@require_POST
def quarantine_replay_now(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:
    """Retry the message."""
    message = quarantine_get(viewer=viewer, message_id=message_id)
    quarantine_decide_require(viewer=viewer, message=message)
    try:
        outcome = quarantine_replay(viewer=viewer, message=message)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        if outcome.quarantined:
            messages.warning(request, _("It still cannot be processed; it is held back again, with its reason."))
        elif outcome.partial:
            messages.warning(
                request, _("Part of it still cannot be processed; the rest is stored. It is held back again.")
            )
        elif outcome.stored:
            messages.success(request, _("The message is now processed."))
        else:
            messages.success(request, _("The message had already been processed; nothing was added."))
    return redirect("quarantine")


@page
@require_POST
def quarantine_replay_reason(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Queue a replay of all messages of one reason, for one station or for all this person can decide about."""
    station, reason = (_word(request.POST.get(name, "")) for name in ("station", "reason"))
    act(
        request,
        lambda: quarantine_replay_ask(viewer=viewer, reason=reason, station=station),
        done=_("The messages are being retried, oldest first. This page shows the progress."),
    )
    query = {name: value for name, value in (("reason", reason), ("station", station)) if value}
    return redirect(f"{reverse('quarantine')}?{urlencode(query)}")


@page
@require_POST
def quarantine_discard_now(request: HttpRequest, viewer: Viewer, message_id: int) -> HttpResponse:
    """Discard the message, with a note on why."""
    message = quarantine_get(viewer=viewer, message_id=message_id)
    note = request.POST.get("note", "")
    done = pgettext("quarantine", "The message is discarded. You can still read it under “discarded”.")
    act(request, lambda: quarantine_discard(viewer=viewer, message=message, note=note), done=done)
    return redirect("quarantine")


def _filters_of(request: HttpRequest) -> Asked:
    state = request.GET.get("state", "")
    period = PeriodForm(request.GET)
    period.is_valid()
    return Asked(
        station=_word(request.GET.get("station", "")),
        reason=_word(request.GET.get("reason", "")),
        state=state if state in _STATES else QuarantinedMessage.State.HELD.value,
        period=period,
    )


def _word(text: str) -> str:
    return text.replace("\x00", "").strip()[:64]


urlpatterns = [
    path("quarantine/", quarantine, name="quarantine"),
    path("quarantine/replay/", quarantine_replay_reason, name="quarantine-replay-reason"),
    path("quarantine/<int:message_id>/", quarantine_message, name="quarantine-message"),
    path("quarantine/<int:message_id>/body/", quarantine_body, name="quarantine-body"),
    path("quarantine/<int:message_id>/replay/", quarantine_replay_now, name="quarantine-replay"),
    path("quarantine/<int:message_id>/discard/", quarantine_discard_now, name="quarantine-discard"),
]
