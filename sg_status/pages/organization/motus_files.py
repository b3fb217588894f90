"""Files for Motus: what was found, what is sent, and what became of each upload, file by file."""

from collections.abc import Collection
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.stations.models import Station
from fleet.sync.models import MotusDay, MotusUpload
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.archive import bare_name
from fleet.sync.motus.uploads import (
    day_at_motus,
    upload_counts,
    upload_get,
    upload_list,
    upload_queue,
    upload_search,
    uploads_queue,
)
from sg_status.access import act, page
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 50
State = MotusUpload.State
WORDS: Final[dict[str, Promise]] = {
    State.FOUND: gettext_lazy("ready"),
    State.HELD: gettext_lazy("held"),
    State.QUEUED: gettext_lazy("queued"),
    State.SENT: gettext_lazy("sent"),
    State.DATA: gettext_lazy("data at Motus"),
    State.KNOWN: gettext_lazy("known to Motus"),
    State.REFUSED: gettext_lazy("refused"),
}
#: The state of a file, by the state of its upload; for files that are not left out.
_ENDS: Final[dict[str, Promise]] = {
    State.FOUND: gettext_lazy("passed the checks"),
    State.HELD: gettext_lazy("passed the checks, held with its day"),
    State.QUEUED: gettext_lazy("passed the checks, waits to be sent"),
    State.SENT: gettext_lazy("at Motus, which is processing it"),
    State.DATA: gettext_lazy("accepted; its runs are not counted yet"),
    State.KNOWN: gettext_lazy("at Motus before"),
    State.REFUSED: gettext_lazy("refused with its archive"),
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def files(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: uploads by day. POST: look for new files, or send all that are ready."""
    found = organization_find(viewer=viewer, slug=slug)
    if request.method == "POST":
        viewer.require(Role.OPERATOR, organization=found, to=_("send files of %(name)s to Motus"))
        if request.POST.get("do") == "send":
            done = _("They are queued. Load this page again to see what became of them.")
            act(request, lambda: uploads_queue(actor=viewer, organization=found), done=done)
        else:
            done = _("The files are being searched. Load this page again to see what was found.")
            act(request, lambda: upload_search(actor=viewer, organization=found), done=done)
        return redirect("organization-motus-files", found.slug)
    state = request.GET.get("state", "")
    state = state if state in WORDS else ""
    serial = request.GET.get("q", "").replace("\x00", "")[:128]
    counts = upload_counts(organization=found, serial=serial)
    pages = Paginator(upload_list(organization=found, state=state, serial=serial), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    here = _stations_here(found, [one.serial for one in pages.object_list])
    context = {
        "account": account_of(found),
        "pages": pages,
        "rows": [
            (one, WORDS[one.state], sum(1 for each in one.files if each["refusal"]), one.serial in here)
            for one in pages.object_list
        ],
        "states": [(name, word, counts[name]) for name, word in WORDS.items() if name in counts],
        "asked": state,
        "serial": serial,
        "ready": 0 if serial else counts.get(State.FOUND, 0),
        "may_operate": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/motus_files.html", context, tab="organization-motus"
    )


@page
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, viewer: Viewer, slug: str, upload_id: int) -> HttpResponse:
    """GET: one upload with its files. POST: send it."""
    found = organization_find(viewer=viewer, slug=slug)
    shown = upload_get(organization=found, upload_id=upload_id)
    if request.method == "POST":
        done = _("It is queued. Load this page again to see what became of it.")
        act(request, lambda: upload_queue(actor=viewer, organization=found, upload_id=upload_id), done=done)
        return redirect("organization-motus-upload", found.slug, upload_id)
    day = day_at_motus(shown)
    is_sendable = shown.state in (State.FOUND, State.HELD, State.REFUSED)
    context = {
        "upload": shown,
        "word": WORDS[shown.state],
        "files": [(each, _outcome(shown, each, day)) for each in shown.files],
        "day": day,
        "is_here": bool(_stations_here(found, [shown.serial])),
        "may_send": is_sendable
        and any(not each["refusal"] for each in shown.files)
        and viewer.may(Role.OPERATOR, found.pk),
        "is_held": shown.state == State.HELD,
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/motus_upload.html", context, tab="organization-motus"
    )


def _stations_here(organization: Organization, serials: Collection[str]) -> set[str]:
    """Which of these serials are stations of the organization now: an upload keeps the serial that it had."""
    rows = Station.objects.filter(organization=organization, deleted_at=None, serial__in=serials)
    return set(rows.values_list("serial", flat=True))


def _outcome(upload: MotusUpload, entry: dict[str, Any], day: MotusDay | None) -> str:
    """A file's fate as far as it is known: left out, set aside by Motus, waiting, or accepted with its day's runs."""
    if entry["refusal"]:
        return _("Left out. %(why)s") % {"why": entry["refusal"]}
    if entry.get("is_set_aside"):
        return _("Motus set it aside: %(said)s") % {"said": entry["said"]}
    name = bare_name(entry["name"])
    if upload.state == State.DATA and day is not None and name in day.missing_there:
        return _("Motus accepted it, but does not list it.")
    told = str(_ENDS[upload.state])
    if upload.state == State.DATA and day is not None and day.runs is not None:
        told = ngettext("accepted; its day has %(n)d run", "accepted; its day has %(n)d runs", day.runs) % {
            "n": day.runs
        }
    return told + (". " + _("Motus says: %(said)s") % {"said": entry["said"]} if entry["said"] else "")


urlpatterns = [
    path("organizations/<organization:slug>/motus/files/", files, name="organization-motus-files"),
    path("organizations/<organization:slug>/motus/files/<int:upload_id>/", upload, name="organization-motus-upload"),
]
