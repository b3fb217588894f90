"""Importing stations from a CSV file: check, then import, with a report of each bad line."""

import base64
import csv
import io
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from fleet.core.csv_file import CSV_MARK, cell_guarded
from fleet.core.errors import DomainError
from fleet.deployments.station_import import ImportReport, station_import
from fleet.organizations.access import Viewer
from fleet.stations.joining.import_file import COLUMNS
from fleet.stations.joining.import_list import ImportedToken
from sg_status.access import page, refusal_show
from sg_status.forms import OrganizationField
from sg_status.pages.joining.frame import NOT_HERE, joining_links, operator_organizations

_TEMPLATE = "sg_status/joining/import_list.html"
#: Maximum warnings shown; problems are all shown.
WARNINGS_SHOWN = 50


class ImportForm(forms.Form):
    """The file, and the import options."""

    organization = OrganizationField()
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("The first line names the columns. At most 5,000 stations and 1 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
    )
    all_or_nothing = forms.BooleanField(
        label=gettext_lazy("Import nothing if any line has an error"),
        required=False,
        help_text=gettext_lazy("Otherwise the valid lines are imported and the others listed."),
    )
    with_tokens = forms.BooleanField(
        label=gettext_lazy("Create an enrolment token for each station"),
        required=False,
        help_text=gettext_lazy("You get them as a file, only once."),
    )

    def __init__(self, organizations: frozenset[int], data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["organization"] = OrganizationField(organizations, refusal=NOT_HERE)
        self.order_fields(["organization", "file", "all_or_nothing", "with_tokens"])


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_import_page(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET: the form. POST: check or import the file; both show the report."""
    organizations = operator_organizations(viewer)
    is_dry_run = request.POST.get("do") != "import"
    if request.method == "POST":
        form = ImportForm(organizations, request.POST, request.FILES)
        report = _import(viewer, form, is_dry_run=is_dry_run) if form.is_valid() else None
    else:
        form, report = ImportForm(organizations), None
    if report is not None and report.imported:
        told = ngettext("%(count)d station is imported.", "%(count)d stations are imported.", report.imported)
        messages.success(request, told % {"count": report.imported})
    context = {
        "links": joining_links("station-import"),
        "columns": ", ".join(COLUMNS),
        "form": form,
        "report": report,
        "is_dry_run": is_dry_run,
        "warnings": report.warnings[:WARNINGS_SHOWN] if report else [],
        "warnings_more": report is not None and len(report.warnings) > WARNINGS_SHOWN,
        "tokens": _tokens_link(report.tokens) if report and report.tokens else "",
    }
    response = render(request, _TEMPLATE, context)
    response.headers["Cache-Control"] = "no-store"
    return response


def _import(viewer: Viewer, form: ImportForm, *, is_dry_run: bool) -> ImportReport | None:
    filled = form.cleaned_data
    try:
        return station_import(
            actor=viewer,
            organization=filled["organization"],
            content=filled["file"].read(),
            is_dry_run=is_dry_run,
            all_or_nothing=filled["all_or_nothing"],
            with_tokens=filled["with_tokens"],
        )
    except DomainError as error:
        refusal_show(form, error)
    return None


def _tokens_link(tokens: list[ImportedToken]) -> str:
    """The file as a data URL, because the server keeps no token for a later download."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["serial", "name", "token", "expires_at", "server"])
    for one in tokens:
        row = [one.serial, one.name, one.token, one.expires_at.isoformat(timespec="seconds"), settings.SITE_URL]
        lines.writerow([cell_guarded(cell) for cell in row])
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(CSV_MARK + text.getvalue().encode()).decode()


urlpatterns = [path("stations/import/", station_import_page, name="station-import")]
