"""Notes and photos of a station."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core.errors import DomainError, InvalidInput
from fleet.files.models import Photo
from fleet.files.photos import (
    Size,
    photo_add,
    photo_find,
    photo_list,
    photo_publish,
    photo_remove,
)
from fleet.files.pictures import OCTETS_MOST
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from fleet.stations.notes import TEXT_MOST, note_add, note_get, note_list, note_may_remove, note_remove
from sg_status.access import act, page, refusal_show
from sg_status.pages.station.frame import station_of, station_render
from sg_status.photo_answer import photo_answer
from sg_status.time_fields import MomentField

NOTES_A_PAGE, PHOTOS_SHOWN = 20, 24


class NoteForm(forms.Form):
    """A new note."""

    text = forms.CharField(
        label=gettext_lazy("New note"), max_length=TEXT_MOST, widget=forms.Textarea(attrs={"rows": 4})
    )
    at = MomentField(
        label=gettext_lazy("When"),
        required=False,
        help_text=gettext_lazy("Leave empty to use the current time."),
    )


class PhotoForm(forms.Form):
    """A new photo."""

    photo = forms.FileField(
        label=gettext_lazy("New photo"),
        widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        help_text=gettext_lazy("JPEG, PNG or WebP, up to 15 MB. Location and camera details in the file are not kept."),
    )
    caption = forms.CharField(label=gettext_lazy("Caption"), max_length=200, required=False)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_notes(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The notes and photos; POST adds a note."""
    station = station_of(viewer, serial)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require(Role.OPERATOR, station=station, to=_("write notes about %(serial)s"))
        if form.is_valid() and _note(viewer, station, form):
            messages.success(request, _("The note is saved."))
            return redirect("station-notes", serial=station.serial)
    return _show(request, viewer, station, form, PhotoForm())


@page
@require_POST
def station_note_remove(request: HttpRequest, viewer: Viewer, serial: str, note_id: int) -> HttpResponse:
    """Remove a note."""
    station = station_of(viewer, serial)
    note = note_get(station=station, note_id=note_id)
    act(request, lambda: note_remove(actor=viewer, station=station, note=note), done=_("The note is removed."))
    return redirect("station-notes", serial=station.serial)


@page
@require_POST
def station_photo_add(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Add a photo."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    form = PhotoForm(request.POST, request.FILES)
    if form.is_valid():
        upload, caption = form.cleaned_data["photo"], form.cleaned_data["caption"]
        try:
            photo_add(actor=viewer, station=station, upload=upload, caption=caption)
        except DomainError as error:
            refusal_show(form, error)
        else:
            messages.success(request, _("The photo is saved."))
            return redirect("station-notes", serial=station.serial)
    return _show(request, viewer, station, NoteForm(), form)


@page
@require_POST
def photo_delete(request: HttpRequest, viewer: Viewer, name: str) -> HttpResponse:
    """Remove a photo."""
    photo = photo_find(viewer=viewer, name=name)
    act(request, lambda: photo_remove(actor=viewer, photo=photo), done=_("The photo is removed."))
    return _back(photo)


@page
@require_POST
def photo_public(request: HttpRequest, viewer: Viewer, name: str) -> HttpResponse:
    """Make a photo of a deployment public, or visible only to members again."""
    photo = photo_find(viewer=viewer, name=name)
    is_public = request.POST.get("is_public") == "yes"
    done = _("Everyone can see the photo.") if is_public else _("Only members can see the photo.")
    act(request, lambda: photo_publish(actor=viewer, photo=photo, is_public=is_public), done=done)
    return _back(photo)


@page
@require_safe
def photo_show(request: HttpRequest, viewer: Viewer, name: str, size: Size) -> HttpResponseBase:  # noqa: ARG001 - the door's signature
    """A photo, for anyone who can see its station."""
    return photo_answer(photo_find(viewer=viewer, name=name), size)


def _back(photo: Photo) -> HttpResponse:
    if photo.deployment_id is not None:
        return redirect("deployment", deployment_id=photo.deployment_id)
    return redirect("station-notes", serial=photo.station.serial)


def _note(viewer: Viewer, station: Station, form: NoteForm) -> bool:
    try:
        note_add(actor=viewer, station=station, text=form.cleaned_data["text"], at=form.cleaned_data["at"])
    except InvalidInput as error:
        refusal_show(form, error)
        return False
    return True


def _show(
    request: HttpRequest, viewer: Viewer, station: Station, note_form: NoteForm, photo_form: PhotoForm
) -> HttpResponse:
    shown = Paginator(note_list(station=station), NOTES_A_PAGE).get_page(request.GET.get("page"))
    notes = [(note, note_may_remove(actor=viewer, station=station, note=note)) for note in shown.object_list]
    photos = photo_list(station=station)
    context: dict[str, Any] = {
        "notes": notes,
        "pages": shown,
        "photos": list(photos[: None if "all" in request.GET else PHOTOS_SHOWN]),
        "photos_more": "all" not in request.GET and photos.count() > PHOTOS_SHOWN,
        "form": note_form,
        "photo_form": photo_form,
        "most_mb": OCTETS_MOST // 1_000_000,
    }
    return station_render(request, viewer, station, "sg_status/station/notes.html", context, tab="station-notes")


_BASE = "stations/<serial:serial>/notes/"

urlpatterns = [
    path(_BASE, station_notes, name="station-notes"),
    path(f"{_BASE}<int:note_id>/remove/", station_note_remove, name="station-note-remove"),
    path(f"{_BASE}photos/", station_photo_add, name="station-photo-add"),
    path("photos/<slug:name>/small.jpg", photo_show, {"size": "small"}, name="photo-small"),
    path("photos/<slug:name>/whole.jpg", photo_show, {"size": "whole"}, name="photo"),
    path("photos/<slug:name>/public/", photo_public, name="photo-public"),
    path("photos/<slug:name>/remove/", photo_delete, name="photo-remove"),
]
