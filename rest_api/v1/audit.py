"""`/organizations/<slug>/audit`: the audit log, for owners."""

from datetime import datetime
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.audit import AuditFilter, audit_list
from fleet.organizations.members import owner_require
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import PeriodListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import OWNER_READ_PROBLEMS, answers, query_read

_COLUMNS = {
    "at": SortColumn("at", datetime, is_filled=True),
    "who": SortColumn("actor_name", is_filled=True),
    "action": SortColumn("action", is_filled=True),
    "subject": SortColumn("subject", is_filled=True),
}


class AuditQuery(PeriodListQuery):
    """Filters of the audit log. Names must match in full."""

    who = serializers.CharField(required=False, max_length=150, help_text="A username, `key NAME` or `command line`.")
    action = serializers.CharField(required=False, max_length=64, help_text="Such as member.role.")
    subject = serializers.CharField(required=False, max_length=200, help_text="A serial, name or address.")


class AuditEntryOut(serializers.Serializer[Any]):
    """One entry of the audit log."""

    at = serializers.DateTimeField()
    who = serializers.CharField(source="actor_name", allow_blank=True, help_text="Empty if Roost itself did it.")
    key_prefix = serializers.CharField(allow_blank=True, help_text="Prefix of the key that was used.")
    address = serializers.CharField(allow_blank=True, help_text="Network address of the caller.")
    action = serializers.CharField()
    subject = serializers.CharField()
    detail = serializers.DictField()


AuditOut = page_of("AuditOut", AuditEntryOut, "A page of audit entries.")


class Audit(APIView):
    """The audit log of an organization."""

    @extend_schema(
        operation_id="audit_list",
        parameters=[AuditQuery],
        responses=answers({200: AuditOut}, *OWNER_READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """List audit entries, newest first. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        owner_require(viewer, organization)
        query = query_read(request, AuditQuery)
        chosen = AuditFilter(
            who=query.get("who", ""),
            action=query.get("action", ""),
            subject=query.get("subject", ""),
            start=query.get("from"),
            end=query.get("to"),
        )
        found = audit_list(viewer=viewer, organization=organization, chosen=chosen)
        last = SortColumn("id", int, is_filled=True)
        page = page_read(request, query, found, columns=_COLUMNS, usual="-at", last=last)
        return page.response(AuditOut)


urlpatterns = [
    path("organizations/<slug:slug>/audit", Audit.as_view(), name="audit"),
]
