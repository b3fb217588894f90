"""Data packages of an organization: asking for one, its progress, downloading it; and the terms of the data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core import clock
from fleet.core.errors import Conflict, DomainError, Forbidden
from fleet.core.file_answer import file_answer
from fleet.exports.models import DataPackage
from fleet.exports.selectors import package_file, package_find, package_list
from fleet.exports.services import package_ask, package_ask_check, package_remove, terms_choose, terms_of
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.organization.package_forms import PackageForm, TermsForm

PAGE_SIZE = 20
State = DataPackage.State


@dataclass(frozen=True, slots=True)
class PackageRow:
    """One package as shown in the list."""

    package: DataPackage
    percent: int
    may_remove: bool

    @property
    def last(self) -> datetime:
        """The last moment of its period, whose end is exclusive: midnight belongs to the day before."""
        return self.package.end_at - timedelta(microseconds=1)

    @property
    def is_open(self) -> bool:
        """Whether it is still waiting or being made."""
        return self.package.state in {State.WAITING, State.MAKING}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def packages(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the packages and the form. POST: ask for one."""
    found = organization_find(viewer=viewer, slug=slug)
    package_ask_check(actor=viewer, organization=found)
    is_post = request.method == "POST"
    form = PackageForm.of(found, clock.now(), request.POST if is_post else None)
    if is_post and form.is_valid() and _ask(request, viewer, found, form):
        return redirect("organization-packages", found.slug)
    return _render(request, viewer, found, form, TermsForm.of(terms_of(found)))


@page
@require_POST
def terms(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Choose the licence and citation."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OWNER, organization=found, to=_("choose the terms of the data of %(name)s"))
    form = TermsForm.of(terms_of(found), request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            terms_choose(actor=viewer, organization=found, licence=told["licence"], citation=told["citation"])
        except DomainError as error:
            refusal_show(form, error)
        else:
            messages.success(request, _("Saved. Packages that you ask for from now on have these terms."))
            return redirect("organization-packages", found.slug)
    return _render(request, viewer, found, PackageForm.of(found, clock.now()), form)


@page
@require_safe
def package_download(request: HttpRequest, viewer: Viewer, slug: str, package_id: int) -> HttpResponseBase:
    """The file of a package, whole or in ranges."""
    found = organization_find(viewer=viewer, slug=slug)
    package = package_find(viewer=viewer, organization=found, package_id=package_id)
    try:
        file = package_file(package)
    except Conflict as error:
        messages.error(request, str(error))
        return redirect("organization-packages", found.slug)
    name = f"{found.slug}-{package.pk}.zip"
    return file_answer(request, file, name=name, tag=package.sha256, content_type="application/zip")


@page
@require_POST
def remove(request: HttpRequest, viewer: Viewer, slug: str, package_id: int) -> HttpResponse:
    """Remove a package, or stop making it."""
    found = organization_find(viewer=viewer, slug=slug)
    package = package_find(viewer=viewer, organization=found, package_id=package_id)
    act(request, lambda: package_remove(actor=viewer, package=package), done=_("The package is removed."))
    return redirect("organization-packages", found.slug)


def _ask(request: HttpRequest, viewer: Viewer, found: Organization, form: PackageForm) -> bool:
    try:
        package_ask(actor=viewer, organization=found, **form.question(found))
    except Forbidden:
        raise
    except DomainError as error:
        refusal_show(form, error, **{"from": "start", "to": "end", "format": "wanted"})
        return False
    messages.success(request, _("The package is being made. You get a mail when it is ready."))
    return True


def _render(
    request: HttpRequest, viewer: Viewer, found: Organization, form: PackageForm, terms_form: TermsForm
) -> HttpResponse:
    pages = Paginator(package_list(organization=found), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "form": form,
        "terms_form": terms_form,
        "pages": pages,
        "rows": [_row(viewer, package) for package in pages.object_list],
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/packages.html", context, tab="organization-packages"
    )


def _row(viewer: Viewer, package: DataPackage) -> PackageRow:
    is_own = viewer.user is not None and package.asked_by_id == viewer.user.pk
    return PackageRow(
        package=package,
        percent=package.parts * 100 // package.parts_all if package.parts_all else 0,
        may_remove=is_own or viewer.may(Role.OPERATOR, package.organization_id),
    )


_BASE = "organizations/<organization:slug>/packages/"
urlpatterns = [
    path(_BASE, packages, name="organization-packages"),
    path(f"{_BASE}terms/", terms, name="package-terms"),
    path(f"{_BASE}<int:package_id>/data.zip", package_download, name="package-download"),
    path(f"{_BASE}<int:package_id>/remove/", remove, name="package-remove"),
]
