"""`/organizations/<slug>/alert-rules`: the alert rules of an organization, and previews of rules."""

from dataclasses import fields
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.selectors import rule_list, scope_names
from fleet.alerts.made.services import (
    rule_add,
    rule_change,
    rule_delete,
    rule_get,
    rule_pause,
    rule_preview,
    rule_resume,
)
from fleet.alerts.made.subjects import subjects
from fleet.alerts.made.words import rule_said
from fleet.alerts.models.made import AlertRule
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "name": SortColumn("name", str, is_filled=True),
    "added_at": SortColumn("added_at", datetime, is_filled=True),
}
SCOPES = tuple(AlertRule.Scope.values)
_DRAFT = tuple(one.name for one in fields(RuleDraft))


class AlertRuleWords(StrictSerializer):
    """The fields of a rule."""

    name = serializers.CharField(
        max_length=80, help_text="Of several rules with the same name, each station follows only the most specific."
    )
    subject = serializers.ChoiceField(choices=sorted(subjects()))
    what = serializers.CharField(
        max_length=128, help_text="Name of the series, in which * stands for anything, or of the figure."
    )
    unit = serializers.CharField(
        max_length=32, required=False, allow_blank=True, help_text="SenML unit of the limits. Default: the series'."
    )
    condition = serializers.ChoiceField(choices=sorted(conditions()))
    low = serializers.FloatField(required=False, allow_null=True)
    high = serializers.FloatField(required=False, allow_null=True)
    clear_low = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="The incident ends once the value is back up to this. Default: `low`.",
    )
    clear_high = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="The incident ends once the value is back down to this. Default: `high`.",
    )
    within_s = serializers.IntegerField(
        required=False, min_value=0, help_text="Seconds over which values are compared, for `changing` and `flat`."
    )
    for_s = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="Seconds that the condition must last before it raises an alert. Required for `missing`.",
    )
    severity = serializers.ChoiceField(choices=AlertRule.Severity.values, required=False)
    scope = serializers.ChoiceField(choices=SCOPES, required=False)
    of = serializers.CharField(
        max_length=120,
        required=False,
        allow_blank=True,
        help_text="The name of the model, tag or group, or the serial of the station.",
    )
    hours_from = serializers.TimeField(
        required=False, allow_null=True, help_text="In the station's local time. No alert begins outside these hours."
    )
    hours_until = serializers.TimeField(required=False, allow_null=True)
    season_from = serializers.CharField(max_length=5, required=False, allow_blank=True, help_text="As `04-15`.")
    season_until = serializers.CharField(max_length=5, required=False, allow_blank=True)
    hint = serializers.CharField(
        max_length=300, required=False, allow_blank=True, help_text="Advice added to each alert."
    )


class AlertRuleIn(AlertRuleWords):
    """A rule to make."""

    is_sure = serializers.BooleanField(
        default=False,
        help_text="true: save the rule even if it would have raised alerts at more than half of the stations.",
    )


class AlertRuleChange(AlertRuleIn):
    """Changes to a rule. Omitted fields stay as they are."""

    is_on = serializers.BooleanField(required=False, help_text="false pauses it, true starts it again.")


class AlertRuleOut(serializers.Serializer[Any]):
    """An alert rule made by people."""

    id = serializers.IntegerField()
    rule = serializers.CharField(help_text="`rule` of its incidents.")
    name = serializers.CharField()
    subject = serializers.CharField()
    what = serializers.CharField()
    unit = serializers.CharField()
    condition = serializers.CharField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    clear_low = serializers.FloatField(allow_null=True)
    clear_high = serializers.FloatField(allow_null=True)
    within_s = serializers.IntegerField()
    for_s = serializers.IntegerField()
    severity = serializers.CharField()
    scope = serializers.CharField()
    of = serializers.CharField()
    hours_from = serializers.TimeField(allow_null=True)
    hours_until = serializers.TimeField(allow_null=True)
    season_from = serializers.CharField()
    season_until = serializers.CharField()
    hint = serializers.CharField()
    is_on = serializers.BooleanField()
    said = serializers.CharField(help_text="Its subject and condition in words; in English.")
    judged_from = serializers.DateTimeField(help_text="Values measured earlier are not checked.")
    added_at = serializers.DateTimeField()
    added_by = serializers.CharField()


class StretchOut(serializers.Serializer[Any]):
    """A period during which the rule would have raised an incident."""

    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="null: up to the newest value.")


class PreviewRowOut(serializers.Serializer[Any]):
    """A station at which the rule would have raised incidents."""

    station = serializers.CharField()
    times = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="In all.")
    rings_now = serializers.BooleanField()
    newest = StretchOut(many=True)


class AlertRulePreviewOut(serializers.Serializer[Any]):
    """The stations at which a rule would have raised incidents in the last 90 days."""

    stations = serializers.IntegerField(help_text="Stations that the rule is for and that have such readings.")
    looked_at = serializers.IntegerField(help_text="Those of them that the preview looked at.")
    is_too_much = serializers.BooleanField(help_text="It would have raised alerts at more than half of them.")
    is_rough = serializers.BooleanField(help_text="Some hours were checked only by their lowest and highest value.")
    rows = PreviewRowOut(many=True)


AlertRulesOut = page_of("AlertRulesOut", AlertRuleOut, "A page of alert rules.")


def _row(rule: AlertRule, names: dict[int, str]) -> dict[str, Any]:
    with translation.override("en"):
        said = rule_said(rule)
    same = [name for name in _DRAFT if name != "of"]
    return {
        "id": rule.pk,
        "rule": rule.key,
        **{name: getattr(rule, name) for name in same},
        "of": names[rule.pk],
        "is_on": rule.is_on,
        "said": said,
        "judged_from": rule.judged_from,
        "added_at": rule.added_at,
        "added_by": rule.added_by_name,
    }


def _out(rule: AlertRule) -> dict[str, Any]:
    return dict(AlertRuleOut(_row(rule, scope_names([rule]))).data)


class AlertRules(APIView):
    """The alert rules of an organization."""

    @extend_schema(
        operation_id="alert_rules_list",
        parameters=[ListQuery],
        responses=answers({HTTPStatus.OK.value: AlertRulesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the rules by name."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        query, found = query_read(request, ListQuery), rule_list(organization=organization)
        page = page_read(request, query, found, columns=_COLUMNS, usual="name", last=SortColumn("id", int))
        names = scope_names(list(page.rows))
        return page.response(AlertRulesOut, lambda rule: _row(rule, names))

    @extend_schema(
        operation_id="alert_rules_create",
        request=AlertRuleIn,
        responses=answers({HTTPStatus.CREATED.value: AlertRuleOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Make a rule. It applies to values measured from now on."""
        viewer, organization = _asked(request, slug)
        told = body_read(request, AlertRuleIn)
        is_sure = told.pop("is_sure")
        rule = rule_add(actor=viewer, organization=organization, draft=RuleDraft(**told), is_sure=is_sure)
        return Response(_out(rule), status=status.HTTP_201_CREATED)


class AlertRulePreviews(APIView):
    """Previews of rules."""

    @extend_schema(
        operation_id="alert_rules_preview",
        request=AlertRuleWords,
        responses=answers({HTTPStatus.OK.value: AlertRulePreviewOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Show what a rule would have done in the last 90 days, without making it."""
        viewer, organization = _asked(request, slug)
        draft = RuleDraft(**body_read(request, AlertRuleWords))
        found = rule_preview(actor=viewer, organization=organization, draft=draft)
        rows = [
            {
                "station": row.station.serial,
                "times": row.number,
                "seconds": row.lasted_s,
                "rings_now": row.rings_now,
                "newest": [{"began_at": began_at, "ended_at": ended_at} for began_at, ended_at in row.stretches],
            }
            for row in found.rows
        ]
        told = {name: getattr(found, name) for name in ("stations", "looked_at", "is_too_much", "is_rough")}
        return Response(AlertRulePreviewOut({**told, "rows": rows}).data)


class AlertRuleOne(APIView):
    """One alert rule."""

    @extend_schema(
        operation_id="alert_rules_retrieve",
        responses=answers({HTTPStatus.OK.value: AlertRuleOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str, rule_id: int) -> Response:
        """Show a rule."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        return Response(_out(rule_get(organization=organization, rule_id=rule_id)))

    @extend_schema(
        operation_id="alert_rules_update",
        request=AlertRuleChange,
        responses=answers({HTTPStatus.OK.value: AlertRuleOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, slug: str, rule_id: int) -> Response:
        """Change, pause or resume a rule. If it pauses or judges differently, its open incidents close silently."""
        viewer, organization = _asked(request, slug)
        rule = rule_get(organization=organization, rule_id=rule_id)
        told = body_read(request, AlertRuleChange, partial=True)
        is_sure, is_on = bool(told.pop("is_sure", False)), told.pop("is_on", None)
        if told:
            before = _row(rule, scope_names([rule]))
            draft = RuleDraft(**{name: told.get(name, before[name]) for name in _DRAFT})
            rule = rule_change(actor=viewer, rule=rule, draft=draft, is_sure=is_sure)
        if is_on is not None and is_on is not rule.is_on:
            (rule_resume if is_on else rule_pause)(actor=viewer, rule=rule)
        return Response(_out(rule_get(organization=organization, rule_id=rule_id)))

    @extend_schema(
        operation_id="alert_rules_delete", responses=answers({HTTPStatus.NO_CONTENT.value: None}, *WRITE_PROBLEMS)
    )
    def delete(self, request: Request, slug: str, rule_id: int) -> Response:
        """Delete a rule. Its incidents stay; open ones close without a message."""
        viewer, organization = _asked(request, slug)
        rule_delete(actor=viewer, rule=rule_get(organization=organization, rule_id=rule_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _asked(request: Request, slug: str) -> tuple[Viewer, Organization]:
    """The viewer and the organization. Checks the role first: without permission, a caller gets 403."""
    viewer = viewer_of(request)
    organization = organization_find(viewer=viewer, slug=slug)
    to = translation.gettext("change the alert rules of %(name)s")
    viewer.require(Role.OPERATOR, organization=organization, to=to)
    return viewer, organization


_BASE = "organizations/<slug:slug>/alert-rules"
urlpatterns = [
    path(_BASE, AlertRules.as_view(), name="alert-rules"),
    path(f"{_BASE}/previews", AlertRulePreviews.as_view(), name="alert-rule-previews"),
    path(f"{_BASE}/<int:rule_id>", AlertRuleOne.as_view(), name="alert-rule"),
]
