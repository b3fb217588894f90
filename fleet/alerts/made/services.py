"""Making a rule, changing it, pausing it, and deleting it."""

from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.alerts.made.acting import rule_settle
from fleet.alerts.made.draft import RuleDraft, draft_fields
from fleet.alerts.made.preview import Preview, preview_of
from fleet.alerts.made.words import rule_said
from fleet.alerts.models.made import AlertRule
from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization

#: Maximum rules of one organization.
RULES_MOST: Final = 100
#: If any of these changes, the rule judges differently, so what it found before is forgotten.
_JUDGED: Final = (
    *("subject", "what", "unit", "condition", "low", "high", "clear_low", "clear_high", "within_s", "for_s"),
    *("hours_from", "hours_until", "season_from", "season_until"),
)


def rule_preview(
    *, actor: Viewer, organization: Organization, draft: RuleDraft, rule: AlertRule | None = None
) -> Preview:
    """The stations at which a rule would have rung in the last 90 days. Raises `Forbidden` and `InvalidInput`."""
    _require(actor, organization)
    return preview_of(_drafted(draft, organization, rule), clock.now())


@transaction.atomic
def rule_add(*, actor: Viewer, organization: Organization, draft: RuleDraft, is_sure: bool = False) -> AlertRule:
    """Make a rule, which judges what is measured from now on.

    Raises `Forbidden`, `TooMany` and `InvalidInput`; the latter for the field `is_sure` if the rule would have rung at
    more than half of the stations and the person has not confirmed that.
    """
    _require(actor, organization)
    organization_lock(organization)
    if AlertRule.objects.filter(organization=organization).count() >= RULES_MOST:
        raise TooMany(_("An organization has at most %(n)d rules: delete one first.") % {"n": RULES_MOST})
    rule = _drafted(draft, organization, None)
    _once_check(rule)
    _sure_check(rule, is_sure=is_sure)
    rule.pk = None
    rule.added_by_name = actor.name[:150]
    rule.save(force_insert=True)
    audit(actor, rule, "rule.add", rule=rule_said(rule), scope=rule.scope)
    return rule


@transaction.atomic
def rule_change(*, actor: Viewer, rule: AlertRule, draft: RuleDraft, is_sure: bool = False) -> AlertRule:
    """Change a rule. If it judges differently now, its open incidents close without a message. Raises as `rule_add`."""
    _require(actor, rule.organization)
    organization_lock(rule.organization)
    before = rule_get(organization=rule.organization, rule_id=rule.pk)
    after = _drafted(draft, rule.organization, before)
    _once_check(after)
    is_other = any(getattr(before, name) != getattr(after, name) for name in _JUDGED)
    if is_other or (before.scope, before.scope_id, before.tag) != (after.scope, after.scope_id, after.tag):
        _sure_check(after, is_sure=is_sure)
    if is_other:
        rule_settle(before, moment=clock.now())
    else:
        after.judged_from = before.judged_from
    after.save(force_update=True)
    audit(actor, after, "rule.change", rule=rule_said(after), scope=after.scope)
    return after


@transaction.atomic
def rule_pause(*, actor: Viewer, rule: AlertRule) -> None:
    """Pause a rule until it is resumed; its open incidents close without a message."""
    _require(actor, rule.organization)
    if not AlertRule.objects.filter(pk=rule.pk, is_on=True).update(is_on=False):
        raise Conflict(_("This rule is already paused."))
    rule_settle(rule, moment=clock.now())
    audit(actor, rule, "rule.pause")


@transaction.atomic
def rule_resume(*, actor: Viewer, rule: AlertRule) -> None:
    """Resume a rule, which judges what is measured from now on."""
    _require(actor, rule.organization)
    if not AlertRule.objects.filter(pk=rule.pk, is_on=False).update(is_on=True, judged_from=clock.now()):
        raise Conflict(_("This rule is not paused."))
    audit(actor, rule, "rule.resume")


@transaction.atomic
def rule_delete(*, actor: Viewer, rule: AlertRule) -> None:
    """Delete a rule; its incidents stay, and open ones close without a message."""
    _require(actor, rule.organization)
    rule_settle(rule, moment=clock.now())
    audit(actor, rule, "rule.delete", rule=rule_said(rule))
    AlertRule.objects.filter(pk=rule.pk).delete()


def rule_get(*, organization: Organization, rule_id: int) -> AlertRule:
    """One rule of an organization. Raises `NotFound`."""
    found = AlertRule.objects.select_related("organization").filter(organization=organization, pk=rule_id).first()
    if found is None:
        raise NotFound(_("There is no rule %(number)d.") % {"number": rule_id})
    return found


def _require(actor: Viewer, organization: Organization) -> None:
    actor.require(Role.OPERATOR, organization=organization, to=_("change the alert rules of %(name)s"))


def _drafted(draft: RuleDraft, organization: Organization, before: AlertRule | None) -> AlertRule:
    """The rule as it would be saved."""
    moment = clock.now()
    return AlertRule(
        pk=before.pk if before else None,
        organization=organization,
        is_on=before.is_on if before else True,
        judged_from=moment,
        added_at=before.added_at if before else moment,
        added_by_name=before.added_by_name if before else "",
        **draft_fields(draft, organization),
    )


def _once_check(rule: AlertRule) -> None:
    same = AlertRule.objects.filter(
        organization=rule.organization, name__iexact=rule.name, scope=rule.scope, scope_id=rule.scope_id,
        tag__iexact=rule.tag,
    )  # fmt: skip
    if same.exclude(pk=rule.pk or 0).exists():
        raise InvalidInput(_("There is a rule of this name for the same stations already."), field="name")


def _sure_check(rule: AlertRule, *, is_sure: bool) -> None:
    if is_sure:
        return
    found = preview_of(rule, clock.now())
    if found.is_too_much:
        raise InvalidInput(
            ngettext(
                "In the last 90 days, this rule would have raised alerts at %(n)d of %(all)d station. Is that what "
                "you want?",
                "In the last 90 days, this rule would have raised alerts at %(n)d of %(all)d stations. Is that "
                "what you want?",
                found.looked_at,
            )
            % {"n": len(found.rows), "all": found.looked_at},
            field="is_sure",
        )
