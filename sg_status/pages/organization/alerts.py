"""An organization's alerts: each member's own destinations and digest, and for owners the organization's."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.alerts.chat.kinds import KIND_BY_SCHEMA, schema_of
from fleet.alerts.digest.choosing import digest_choose, digest_find
from fleet.alerts.feeds import feed_get, feed_make, feed_token, feed_withdraw
from fleet.alerts.models import Destination
from fleet.alerts.sending.destinations import (
    destination_add,
    destination_delete,
    destination_get,
    destination_list,
    destination_shown,
    destination_switch,
    destination_test,
    result_words,
)
from fleet.core.errors import Conflict, InvalidInput, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page
from sg_status.pages.organization.forms import DestinationForm, DigestForm
from sg_status.pages.organization.frame import organization_render


@dataclass(frozen=True, slots=True)
class Row:
    """One destination as shown in the table, with the name of its service. A mail's address may be missing."""

    destination: Destination
    kind: str
    address: str
    is_mail: bool
    result: str


@page
@require_http_methods(["GET", "HEAD", "POST"])
def alerts(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the destinations that the viewer may change. POST: add one; only this answer shows its secret."""
    found = organization_find(viewer=viewer, slug=slug)
    is_post = request.method == "POST"
    if is_post and request.POST.get("whose") != "mine":
        viewer.require(Role.OWNER, organization=found, to=_("add destinations for %(name)s"))
    form = DestinationForm(request.POST if is_post else None)
    secret = _add(viewer, found, form) if is_post and form.is_valid() else None
    digest = digest_find(viewer=viewer, organization=found)
    is_owner = viewer.may(Role.OWNER, found.pk)
    context = {
        "is_owner": is_owner,
        "feed": _feed_addresses(viewer, found) if is_owner else {},
        "digest": digest,
        "digest_form": DigestForm(initial={"rhythm": digest.rhythm if digest and digest.is_on else ""}),
        "is_member": viewer.user is not None and found.pk in viewer.roles,
        "form": form if secret is None else DestinationForm(),
        "secret": secret,
        "is_added": secret is not None,
        "rows": [_row(one) for one in destination_list(viewer=viewer, organization=found)],
    }
    answer = organization_render(
        request, viewer, found, "sg_status/organization/alerts.html", context, tab="organization-alerts"
    )
    if secret is not None or context["feed"]:
        answer.headers["Cache-Control"] = "no-store"
    return answer


@page
@require_POST
def change(request: HttpRequest, viewer: Viewer, slug: str, destination_id: int) -> HttpResponse:
    """Switch a destination on or off, or send a test message."""
    found = organization_find(viewer=viewer, slug=slug)
    destination = destination_get(viewer=viewer, organization=found, destination_id=destination_id)
    if request.POST.get("do") == "test":
        done = _("A test message is on its way. Load this page again to see what became of it.")
        act(request, lambda: destination_test(actor=viewer, destination=destination), done=done)
    else:
        is_on = request.POST.get("do") == "on"
        done = _("It is switched on.") if is_on else _("It is switched off: nothing more is sent there.")
        act(request, lambda: destination_switch(actor=viewer, destination=destination, is_on=is_on), done=done)
    return redirect("organization-alerts", found.slug)


@page
@require_POST
def choose_digest(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Choose how often the reader gets a digest, or switch it off."""
    found = organization_find(viewer=viewer, slug=slug)
    rhythm = request.POST.get("rhythm", "")
    done = _("You now get digests by mail.") if rhythm else _("You no longer get digests.")
    act(request, lambda: digest_choose(actor=viewer, organization=found, rhythm=rhythm), done=done)
    return redirect("organization-alerts", found.slug)


@page
@require_POST
def feed(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Make, replace or withdraw the secret address of the organization's incidents."""
    found = organization_find(viewer=viewer, slug=slug)
    if request.POST.get("do") == "withdraw":
        done = _("The secret address is withdrawn: nobody can read the incidents there any more.")
        act(request, lambda: feed_withdraw(actor=viewer, organization=found), done=done)
    else:
        done = _("The incidents have a new address. If there was one before, it no longer works.")
        act(request, lambda: feed_make(actor=viewer, organization=found), done=done)
    return redirect("organization-alerts", found.slug)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, viewer: Viewer, slug: str, destination_id: int) -> HttpResponse:
    """GET: the consequences. POST: delete the destination."""
    found = organization_find(viewer=viewer, slug=slug)
    destination = destination_get(viewer=viewer, organization=found, destination_id=destination_id)
    shown = destination_shown(destination)
    if request.method == "POST":
        done = _("The destination %(address)s is deleted.") % {"address": shown}
        act(request, lambda: destination_delete(actor=viewer, destination=destination), done=done)
        return redirect("organization-alerts", found.slug)
    context = {
        "title": _("Delete the destination %(address)s") % {"address": shown},
        "text": _("No more alerts go there, and its secret is deleted. Alerts still waiting for it are not sent."),
        "button": _("Delete the destination"),
        "keep": _("Keep the destination"),
        "back": "organization-alerts",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/confirm.html", context, tab="organization-alerts"
    )


def _add(viewer: Viewer, found: Organization, form: DestinationForm) -> str | None:
    """Add it and return its secret; None if it was refused."""
    told = form.cleaned_data
    try:
        _made, secret = destination_add(
            actor=viewer,
            organization=found,
            channel=told["channel"],
            address=told["address"],
            is_own=told["whose"] == "mine",
        )
    except InvalidInput as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return None
    except (Conflict, TooMany) as error:
        form.add_error(None, str(error))
        return None
    return secret


def _feed_addresses(viewer: Viewer, found: Organization) -> dict[str, str]:
    """The addresses for programs; empty if there are none."""
    made = feed_get(viewer=viewer, organization=found)
    if made is None:
        return {}
    token = feed_token(made)
    return {
        "atom": f"{settings.SITE_URL}{reverse('incidents-atom', args=[token])}",
        "calendar": f"{settings.SITE_URL}{reverse('incidents-calendar', args=[token])}",
    }


def _kind(destination: Destination) -> str:
    if not destination.address:
        return _("mail")
    chat = KIND_BY_SCHEMA.get(schema_of(destination.address))
    return chat.name if chat else destination.channel


def _row(destination: Destination) -> Row:
    return Row(
        destination,
        _kind(destination),
        destination_shown(destination),
        is_mail=not destination.address,
        result=result_words(destination),
    )


urlpatterns = [
    path("organizations/<organization:slug>/alerts/", alerts, name="organization-alerts"),
    path("organizations/<organization:slug>/alerts/digest/", choose_digest, name="organization-digest"),
    path("organizations/<organization:slug>/alerts/feed/", feed, name="organization-feed"),
    path("organizations/<organization:slug>/alerts/<int:destination_id>/", change, name="destination-change"),
    path("organizations/<organization:slug>/alerts/<int:destination_id>/delete/", delete, name="destination-delete"),
]
