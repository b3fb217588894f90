"""`/organizations/<slug>/digest`: how often a person gets an organization's digest by mail."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.digest.choosing import digest_choose, digest_choose_check, digest_find
from fleet.alerts.models.digest import Digest
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read

_NONE = "none"
_RHYTHMS = (_NONE, *Digest.Rhythm.values)


class DigestIn(StrictSerializer):
    """How often the digest should be sent."""

    rhythm = serializers.ChoiceField(choices=list(_RHYTHMS))


class DigestOut(serializers.Serializer[Any]):
    """Your digest of an organization."""

    rhythm = serializers.ChoiceField(choices=list(_RHYTHMS), help_text="`none`: no digests come.")
    told_until = serializers.DateTimeField(allow_null=True, help_text="Start of the period that the next one covers.")
    due_at = serializers.DateTimeField(allow_null=True, help_text="When the next one is made.")
    last_made_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True, help_text="Why the last one could not be made; in English.")


class OrganizationDigest(APIView):
    """Your own digest of an organization."""

    @extend_schema(operation_id="organization_digest_retrieve", responses=answers({200: DigestOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """Show how often your digest is sent. Keys have no digest."""
        viewer = viewer_of(request)
        return Response(_shown(viewer, organization_find(viewer=viewer, slug=slug)))

    @extend_schema(
        operation_id="organization_digest_update",
        request=DigestIn,
        responses=answers({200: DigestOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, slug: str) -> Response:
        """Choose how often your digest is sent. Not possible with a key."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the person first: a key gets 403, not validation errors.
        digest_choose_check(actor=viewer, organization=organization)
        rhythm = body_read(request, DigestIn)["rhythm"]
        digest_choose(actor=viewer, organization=organization, rhythm="" if rhythm == _NONE else rhythm)
        return Response(_shown(viewer, organization))


def _shown(viewer: Viewer, organization: Organization) -> Any:
    digest = digest_find(viewer=viewer, organization=organization)
    is_on = digest is not None and digest.is_on
    return DigestOut(
        {
            "rhythm": digest.rhythm if digest is not None and is_on else _NONE,
            "told_until": digest.told_until if digest is not None and is_on else None,
            "due_at": digest.due_at if digest is not None and is_on else None,
            "last_made_at": digest.last_made_at if digest is not None else None,
            "last_error": digest.last_error if digest is not None else "",
        }
    ).data


urlpatterns = [path("organizations/<slug:slug>/digest", OrganizationDigest.as_view(), name="organization-digest")]
