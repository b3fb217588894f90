"""`/organizations/<slug>/keys`: API keys of machines and people; create, list and revoke them."""

from datetime import datetime
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.core.errors import Forbidden
from fleet.organizations.keys import STATES, api_key_get, api_key_list, api_key_revoke, key_state
from fleet.organizations.members import owner_require
from fleet.organizations.models import ApiKey
from fleet.organizations.selectors import organization_find
from fleet.stations.keys import STATIONS_MOST, api_key_create
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import (
    OWNER_READ_PROBLEMS,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    StrictSerializer,
    answers,
    body_read,
    query_read,
)

_COLUMNS = {
    "created_at": SortColumn("created", datetime, is_filled=True),
    "name": SortColumn("name"),
    "last_used_at": SortColumn("last_used_at", datetime),
    "expires_at": SortColumn("expiry_date", datetime),
}


class KeysQuery(ListQuery):
    """Filters of the key list."""

    state = serializers.ChoiceField(required=False, choices=STATES)
    is_read_only = serializers.BooleanField(required=False, allow_null=True, default=None)
    person = serializers.CharField(required=False, max_length=150, help_text="A username: only this person's keys.")
    search = serializers.CharField(required=False, max_length=50, help_text="Part of the name.")


class KeyIn(StrictSerializer):
    """A key to create."""

    name = serializers.CharField(max_length=50, help_text="What it is for.")
    is_read_only = serializers.BooleanField(default=True)
    is_personal = serializers.BooleanField(
        default=False, help_text="The key acts as you, with whatever role you have when it is used."
    )
    stations = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        allow_null=True,
        max_length=STATIONS_MOST,
        help_text="Serials that the key can reach, and nothing else. Default: all of the organization.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyOut(serializers.Serializer[Any]):
    """A key. Its secret is not stored."""

    prefix = serializers.CharField(help_text="Part of the secret before the dot.")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    is_read_only = serializers.BooleanField()
    person = serializers.CharField(allow_null=True, help_text="The key's owner; null for a machine's key.")
    stations = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="null: all stations.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="Accurate to the minute.")
    last_used_from = serializers.CharField(allow_blank=True, help_text="A network address.")
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(allow_blank=True)


class KeyMadeOut(KeyOut):
    """A new key with its secret."""

    key = serializers.CharField(help_text="The secret. Shown only once.")


KeysOut = page_of("KeysOut", KeyOut, "A page of keys.")


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "state": key_state(key, clock.now()),
        "is_read_only": key.is_read_only,
        "person": key.person.get_username() if key.person else None,
        "stations": sorted(station.serial for station in key.stations.all()) if key.is_limited else None,
        "created_at": key.created,
        "created_by": key.created_by.get_username() if key.created_by else None,
        "expires_at": key.expiry_date,
        "last_used_at": key.last_used_at,
        "last_used_from": key.last_used_from,
        "revoked_at": key.revoked_at,
        "revoked_by": key.revoked_by_name,
    }


class Keys(APIView):
    """The keys of an organization."""

    @extend_schema(operation_id="keys_list", parameters=[KeysQuery], responses=answers({200: KeysOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """List keys, newest first, including revoked ones. Owners see all keys, others only their own."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        query = query_read(request, KeysQuery)
        keys = api_key_list(
            organization=organization,
            viewer=viewer,
            state=query.get("state", ""),
            is_read_only=query["is_read_only"],
            person=query.get("person", ""),
            search=query.get("search", ""),
        )
        page = page_read(request, query, keys, columns=_COLUMNS, usual="-created_at", last=SortColumn("prefix"))
        return page.response(KeysOut, _row)

    @extend_schema(operation_id="keys_create", request=KeyIn, responses=answers({201: KeyMadeOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, slug: str) -> Response:
        """Create a key. Machine keys require the owner role; every member can create personal keys. Keys cannot."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        if viewer.user is None:
            raise Forbidden("Keys cannot create keys. Log in as a person.")
        if not (isinstance(request.data, dict) and request.data.get("is_personal") is True):
            # Check the role first: a caller without permission gets 403, not validation errors.
            owner_require(viewer, organization)
        told = body_read(request, KeyIn)
        key, secret = api_key_create(
            organization=organization,
            name=told["name"],
            is_read_only=told["is_read_only"],
            is_personal=told["is_personal"],
            serials=told.get("stations"),
            expires_at=told.get("expires_at"),
            actor=viewer,
        )
        answer = KeyMadeOut({**_row(key), "key": secret}).data
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class KeyDetail(APIView):
    """One key."""

    @extend_schema(operation_id="keys_retrieve", responses=answers({200: KeyOut}, *OWNER_READ_PROBLEMS))
    def get(self, request: Request, slug: str, prefix: str) -> Response:
        """Show a key by its prefix."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        return Response(KeyOut(_row(api_key_get(organization=organization, prefix=prefix, viewer=viewer))).data)

    @extend_schema(operation_id="keys_revoke", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, prefix: str) -> Response:
        """Revoke a key immediately. The list keeps it, and shows who revoked it and when."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        api_key_revoke(api_key=api_key_get(organization=organization, prefix=prefix, viewer=viewer), actor=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("organizations/<slug:slug>/keys", Keys.as_view(), name="keys"),
    path("organizations/<slug:slug>/keys/<str:prefix>", KeyDetail.as_view(), name="key"),
]
