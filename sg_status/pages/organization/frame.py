"""Shared parts of an organization's pages: the heading and the tabs, each with its own URL."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import register_converter, reverse
from django.urls.converters import SlugConverter
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.organizations.access import ROLE_NAMES, Role, Viewer
from fleet.organizations.models import Membership, Organization
from sg_status.tabs import Tab

#: URL name, word, and minimum role.
TABS: Final[tuple[tuple[str, Promise, Membership.Role], ...]] = (
    ("organization", _("Settings"), Role.VIEWER),
    ("organization-members", _("Members"), Role.VIEWER),
    ("organization-keys", _("Keys"), Role.VIEWER),
    ("organization-alerts", _("Alerts"), Role.VIEWER),
    ("organization-rules", _("Alert rules"), Role.VIEWER),
    ("organization-maintenance", _("Maintenance"), Role.VIEWER),
    ("wiki-pages", _("Pages"), Role.VIEWER),
    ("organization-status", _("Status page"), Role.VIEWER),
    ("organization-files", _("Files"), Role.VIEWER),
    ("organization-packages", _("Data packages"), Role.VIEWER),
    ("organization-forwarders", _("Forwarders"), Role.VIEWER),
    ("organization-taps", _("Taps"), Role.VIEWER),
    ("organization-motus", _("Motus"), Role.VIEWER),
    ("organization-audit", _("Audit log"), Role.OWNER),
)


class OrganizationConverter(SlugConverter):
    """A slug in a URL; `add` is the page that creates an organization."""

    regex = r"(?!add/)[-a-zA-Z0-9_]{1,60}"


register_converter(OrganizationConverter, "organization")


def organization_render(
    request: HttpRequest,
    viewer: Viewer,
    organization: Organization,
    template: str,
    context: dict[str, Any],
    *,
    tab: str,
    status: int = 200,
) -> HttpResponse:
    """Render a page of an organization."""
    frame = {
        "organization": organization,
        "timezone": organization.timezone,
        "tabs": [
            Tab(label, reverse(name, args=[organization.slug]), name == tab)
            for name, label, role in TABS
            if viewer.may(role, organization.id)
        ],
        "may_own": viewer.may(Role.OWNER, organization.id),
        "role": role_word(viewer.roles.get(organization.id)),
    }
    return render(request, template, {**frame, **context}, status=status)


def role_word(role: str | None) -> str | Promise:
    """A role in words; a viewer without one is an administrator of the server."""
    return ROLE_NAMES[Role(role)] if role else _("administrator of the server")
