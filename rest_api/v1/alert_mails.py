"""`/organizations/<slug>/alerts`: whether the caller gets an organization's alerts by mail."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.selectors import alert_choices
from fleet.alerts.services import alerts_choose
from fleet.core.errors import Forbidden
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read


class MailsData(StrictSerializer):
    """Whether you get the alerts of an organization by mail."""

    mails = serializers.BooleanField(
        allow_null=True, help_text="null for keys and for administrators who are not members."
    )


class AlertMails(APIView):
    """The caller's own setting."""

    @extend_schema(operation_id="alerts_retrieve", responses=answers({200: MailsData}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """Whether you get alerts of this organization by mail."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        held = alert_choices(user=viewer.user).filter(organization=organization).first() if viewer.user else None
        return Response(MailsData({"mails": held.is_alerted if held else None}).data)

    @extend_schema(
        operation_id="alerts_choose", request=MailsData, responses=answers({200: MailsData}, *WRITE_PROBLEMS)
    )
    def put(self, request: Request, slug: str) -> Response:
        """Turn alert mails on or off for yourself. Requires a logged-in member; a key has no mailbox."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        if viewer.user is None:
            raise Forbidden("A key gets no mails. Log in as a person.")
        asked = body_read(request, MailsData)
        is_alerted = bool(asked["mails"])
        alerts_choose(user=viewer.user, organization_id=organization.pk, is_alerted=is_alerted)
        return Response(MailsData({"mails": is_alerted}).data)


urlpatterns = [
    path("organizations/<slug:slug>/alerts", AlertMails.as_view(), name="alerts"),
]
