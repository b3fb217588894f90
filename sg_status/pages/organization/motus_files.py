"""Files for Motus: what was found, what is sent, and what became of each upload, file by file."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.organizations.access import Role, Viewer
from fleet.organizations.selectors import organization_find
from fleet.sync.models import MotusUpload
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.uploads import (
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
    counts = upload_counts(organization=found)
    pages = Paginator(upload_list(organization=found, state=state), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "account": account_of(found),
        "pages": pages,
        "rows": [(one, WORDS[one.state], sum(1 for each in one.files if each["refusal"])) for one in pages.object_list],
        "states": [(name, word, counts[name]) for name, word in WORDS.items() if name in counts],
        "asked": state,
        "ready": counts.get(State.FOUND, 0),
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
    is_sendable = shown.state in (State.FOUND, State.HELD, State.REFUSED)
    context = {
        "upload": shown,
        "word": WORDS[shown.state],
        "may_send": is_sendable and viewer.may(Role.OPERATOR, found.pk),
        "is_held": shown.state == State.HELD,
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/motus_upload.html", context, tab="organization-motus"
    )


urlpatterns = [
    path("organizations/<organization:slug>/motus/files/", files, name="organization-motus-files"),
    path("organizations/<organization:slug>/motus/files/<int:upload_id>/", upload, name="organization-motus-upload"),
]
