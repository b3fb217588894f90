"""The audit log of an organization: who did what and when, filtered, paged, and as CSV."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from fleet.core.csv_file import Cell, csv_response
from fleet.core.models import AuditEntry
from fleet.organizations.access import Viewer
from fleet.organizations.audit import AuditFilter, AuditPlace, audit_export, audit_list
from fleet.organizations.selectors import organization_find
from sg_status.access import page
from sg_status.pages.organization.audit_words import action_words, detail_words
from sg_status.pages.organization.forms import AuditForm
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 50
_HEAD = ("at", "who", "key", "address", "action", "subject", "detail")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry as shown in the table."""

    entry: AuditEntry
    action: str | Promise
    detail: str


@page
@require_safe
def audit(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The entries, newest first; filters and position are in the URL."""
    found = organization_find(viewer=viewer, slug=slug)
    form = AuditForm(request.GET)
    chosen = _filters_of(form)
    entries = list(
        audit_list(viewer=viewer, organization=found, chosen=chosen, after=_place(request.GET.get("after", "")))[
            : PAGE_SIZE + 1
        ]
    )
    shown = entries[:PAGE_SIZE]
    kept = {name: value for name in form.fields if (value := request.GET.get(name))}
    # The address keeps the zone of the days, so that they mean the same to everybody who opens it.
    kept |= {zone: value for name in kept if (value := request.GET.get(zone := f"{name}_zone"))}
    older = "?" + urlencode({**kept, "after": _word(shown[-1])}) if len(entries) > PAGE_SIZE else ""
    context = {
        "form": form,
        "lines": [AuditRow(entry, action_words(entry.action), detail_words(entry.detail)) for entry in shown],
        "older": older,
        "kept": urlencode(kept),
        "newest": f"?{urlencode(kept)}" if request.GET.get("after") else "",
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/audit.html", context, tab="organization-audit"
    )


@page
@require_safe
def audit_csv(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponseBase:
    """All matching entries as a file."""
    found = organization_find(viewer=viewer, slug=slug)
    entries = audit_export(viewer=viewer, organization=found, chosen=_filters_of(AuditForm(request.GET)))
    return csv_response(request, name=f"audit-{found.slug}.csv", head=_HEAD, rows=_rows(entries))


def _rows(entries: Iterator[AuditEntry]) -> Iterator[tuple[Cell, ...]]:
    for entry in entries:
        yield (
            entry.at.isoformat(),
            entry.actor_name,
            entry.key_prefix,
            entry.address,
            entry.action,
            entry.subject,
            json.dumps(entry.detail, ensure_ascii=False) if entry.detail else "",
        )


def _filters_of(form: AuditForm) -> AuditFilter:
    """The filters in the form; an unreadable field filters nothing and shows an error."""
    form.is_valid()
    filled = form.cleaned_data
    return AuditFilter(
        who=filled.get("who", ""),
        action=filled.get("action", ""),
        subject=filled.get("subject", ""),
        start=filled.get("start"),
        # The last day is included.
        end=filled.get("end"),
    )


def _word(entry: AuditEntry) -> str:
    return f"{entry.at.isoformat()}~{entry.id}"


def _place(word: str) -> AuditPlace | None:
    at, _, number = word.partition("~")
    try:
        moment = datetime.fromisoformat(at[:40])
    except ValueError:
        return None
    if moment.tzinfo is None or not number.isdecimal() or len(number) > 18:
        return None
    return AuditPlace(moment, int(number))


urlpatterns = [
    path("organizations/<organization:slug>/audit/", audit, name="organization-audit"),
    path("organizations/<organization:slug>/audit.csv", audit_csv, name="organization-audit-csv"),
]
