"""Changing a stored text: a form with a preview; saving adds a revision of the file."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError, Forbidden, NotFound
from fleet.files.looking.beginning import FileKind, kind_of
from fleet.files.looking.editing import (
    EDIT_MOST,
    RevisionSuperseded,
    text_edit_check,
    text_read,
    text_write,
)
from fleet.files.looking.markdown import markdown_html
from fleet.files.store.keeping import revision_newest
from fleet.files.store.models import FileRevision
from fleet.files.store.selectors import revision_find
from fleet.files.store.uploads import UploadSender
from fleet.files.store.whole import Fate
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from sg_status.access import page, refusal_show
from sg_status.pages.station.frame import station_of, station_render
from sg_status.wiki.showing import difference_html


class StoredTextForm(forms.Form):
    """The text of a file."""

    text = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "full", "spellcheck": "false"}),
    )

    def clean_text(self) -> str:
        """The text with plain line breaks. Its length is checked before anything renders it."""
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if len(text) > EDIT_MOST:
            words = _("The text has %(length)d characters: use at most %(most)d.")
            raise forms.ValidationError(words % {"length": len(text), "most": EDIT_MOST})
        return text


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_stored_edit(request: HttpRequest, viewer: Viewer, serial: str, revision_id: int) -> HttpResponse:
    """GET: the text. POST: show how it will look, or save it; if the file has a newer revision, show both texts.

    An older revision can be edited too: saving makes its text the newest revision.
    """
    station = station_of(viewer, serial)
    revision = revision_find(station=station, revision_id=revision_id)
    text_edit_check(actor=viewer, station=station)
    newest = revision_newest(station.pk, revision.file.path) or revision
    context: dict[str, Any] = {"revision": revision, "newest": newest, "most": EDIT_MOST}
    if request.method == "POST":
        form = StoredTextForm(request.POST)
        if form.is_valid():
            if request.POST.get("do") == "preview":
                context |= _preview(revision, form.cleaned_data["text"])
            elif _save(request, viewer, station, revision, form, context):
                return redirect("station-stored-look", serial=station.serial, revision_id=_newest_id(revision))
    else:
        try:
            form = StoredTextForm(initial={"text": text_read(revision).text})
        except (DomainError, NotFound) as error:
            messages.error(request, str(error))
            return redirect("station-stored-look", serial=station.serial, revision_id=revision.pk)
        # The saved text follows the newest revision, whichever revision it began with.
        context["revision"] = newest
        context["old"] = revision if revision.pk != newest.pk else None
    context["form"] = form
    return station_render(request, viewer, station, "sg_status/station/stored_edit.html", context, tab="station-files")


def _preview(revision: FileRevision, text: str) -> dict[str, Any]:
    is_markdown = kind_of(revision.file.path) is FileKind.MARKDOWN
    return {"preview": markdown_html(text) if is_markdown else None, "plain": None if is_markdown else text}


def _save(
    request: HttpRequest,
    viewer: Viewer,
    station: Station,
    revision: FileRevision,
    form: StoredTextForm,
    context: dict[str, Any],
) -> bool:
    """Store the text; False if it was refused or somebody was quicker. The form keeps the typed text."""
    sender = UploadSender(key=f"person:{request.user.pk}", name=viewer.name, viewer=viewer)
    try:
        fate = text_write(
            actor=viewer, sender=sender, station=station, revision=revision, text=form.cleaned_data["text"]
        )
    except (Forbidden, NotFound):
        raise
    except RevisionSuperseded as error:
        newest = context["revision"] = revision_newest(station.pk, revision.file.path) or revision
        context["conflict"] = {"sentence": str(error), "theirs": newest, "lines": _lines(revision, newest)}
        return False
    except DomainError as error:
        refusal_show(form, error)
        return False
    if fate.fate is Fate.REFUSED:
        form.add_error(None, fate.reason)
        return False
    if fate.fate in (Fate.WAITING, Fate.KEPT_BACK):
        messages.warning(request, fate.reason)
    else:
        messages.success(request, _("The text is saved as a revision of its file."))
    return True


def _lines(began: FileRevision, newest: FileRevision) -> Any:
    try:
        return difference_html(text_read(began).text, text_read(newest).text)
    except DomainError:
        # One of the two cannot be shown as text; its own page shows what it is.
        return None


def _newest_id(revision: FileRevision) -> int:
    newest = revision_newest(revision.file.station_id, revision.file.path)
    return (newest or revision).pk


urlpatterns = [
    path(
        "stations/<serial:serial>/files/stored/<int:revision_id>/edit/",
        station_stored_edit,
        name="station-stored-edit",
    )
]
