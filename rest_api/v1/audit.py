"""`/organizations/<slug>/audit`: who did what, when and from where; for owners."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.audit import AuditFilter, AuditPlace, audit_list
from fleet.organizations.members import owner_require
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.paging import cursor_address, cursor_encode, place_cursor
from rest_api.v1.organizations import ListQuery
from rest_api.v1.questions import READ_PROBLEMS, answers, query_read


class AuditQuery(ListQuery):
    """Which lines; names are compared as a whole."""

    who = serializers.CharField(required=False, max_length=150, help_text="A login name, `key NAME` or `command line`.")
    action = serializers.CharField(required=False, max_length=64, help_text="Like member.role.")
    subject = serializers.CharField(required=False, max_length=200, help_text="A serial, a name, an address.")
    before = serializers.DateTimeField(required=False)
    since = serializers.DateTimeField(required=False)


class AuditEntryOut(serializers.Serializer[Any]):
    """One line."""

    at = serializers.DateTimeField()
    who = serializers.CharField(source="actor_name", allow_blank=True, help_text="Empty: Roost itself.")
    key_prefix = serializers.CharField(allow_blank=True, help_text="Of the key that was used.")
    address = serializers.CharField(allow_blank=True, help_text="Network address that asked.")
    action = serializers.CharField()
    subject = serializers.CharField()
    detail = serializers.DictField()


class AuditOut(serializers.Serializer[Any]):
    """Lines, newest first."""

    results = AuditEntryOut(many=True)
    next = serializers.URLField(allow_null=True)


class Audit(APIView):
    """The audit log of an organization."""

    @extend_schema(
        operation_id="audit_list",
        parameters=[AuditQuery],
        responses=answers({200: AuditOut}, *READ_PROBLEMS, HTTPStatus.FORBIDDEN),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Newest first; follow `next` for older ones."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        owner_require(viewer, organization)
        query = query_read(request, AuditQuery)
        chosen = AuditFilter(
            who=query.get("who", ""),
            action=query.get("action", ""),
            subject=query.get("subject", ""),
            start=query.get("since"),
            end=query.get("before"),
        )
        after, limit = AuditPlace(*place_cursor(query["cursor"])) if query.get("cursor") else None, query["limit"]
        rows = list(audit_list(viewer=viewer, organization=organization, chosen=chosen, after=after)[: limit + 1])
        following = None
        if len(rows) > limit:
            following = cursor_address(request, cursor_encode(rows[limit - 1].at, rows[limit - 1].id))
        return Response(AuditOut({"results": rows[:limit], "next": following}).data)
