"""The organization's login at Motus: entering it, what Motus answered, trying it again, and forgetting it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import InvalidInput, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.sync.motus.accounts import account_ask, account_forget, account_of, account_save
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.forms import MotusForm
from sg_status.pages.organization.frame import organization_render


@page
@require_http_methods(["GET", "HEAD", "POST"])
def motus(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: what is set up, without any secret. POST: an owner enters a login, which is tried at once."""
    found = organization_find(viewer=viewer, slug=slug)
    is_post = request.method == "POST"
    if is_post:
        viewer.require(Role.OWNER, organization=found, to=_("change the Motus login of %(name)s"))
    form = MotusForm.of(account_of(found), request.POST if is_post else None)
    if is_post and form.is_valid() and _save(request, viewer, found, form):
        return redirect("organization-motus", found.slug)
    context = {"form": form, "account": account_of(found)}
    return organization_render(
        request, viewer, found, "sg_status/organization/motus.html", context, tab="organization-motus"
    )


@page
@require_POST
def motus_try(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Try the stored login again."""
    found = organization_find(viewer=viewer, slug=slug)
    done = _("The login is being tried. Load this page again to see Motus' answer.")
    act(request, lambda: account_ask(actor=viewer, organization=found), done=done)
    return redirect("organization-motus", found.slug)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def motus_forget(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the consequences. POST: forget the login."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OWNER, organization=found, to=_("change the Motus login of %(name)s"))
    if request.method == "POST":
        done = _("The login is deleted.")
        act(request, lambda: account_forget(actor=viewer, organization=found), done=done)
        return redirect("organization-motus", found.slug)
    context = {
        "title": _("Delete the Motus login"),
        "text": _("Roost deletes the login and its password, and no longer asks Motus about this organization."),
        "button": _("Delete the login"),
        "keep": _("Keep the login"),
        "back": "organization-motus",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/confirm.html", context, tab="organization-motus"
    )


def _save(request: HttpRequest, viewer: Viewer, found: Organization, form: MotusForm) -> bool:
    told = form.cleaned_data
    try:
        account_save(
            actor=viewer,
            organization=found,
            login=told["login"],
            password=told["password"],
            project_ids=told["projects"],
            is_automatic=told["is_automatic"],
        )
    except (InvalidInput, TooMany) as error:
        refusal_show(form, error)
        return False
    messages.success(request, _("Saved. The login is being tried: load this page again to see Motus' answer."))
    return True


urlpatterns = [
    path("organizations/<organization:slug>/motus/", motus, name="organization-motus"),
    path("organizations/<organization:slug>/motus/try/", motus_try, name="organization-motus-try"),
    path("organizations/<organization:slug>/motus/forget/", motus_forget, name="organization-motus-forget"),
]
