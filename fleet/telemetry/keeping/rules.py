"""Setting and finding the rules: which readings of a series are stored, and for how long."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.keeping.models import RetentionRule

#: Maximum rules of an organization, and of a station.
RULES_MOST: Final = 100
DAYS_MOST: Final = 36_500
READINGS_MOST: Final = 1_000_000_000
#: Longest interval in seconds: 31 days.
INTERVAL_MOST_S: Final = 31 * 86_400
#: Characters of series' names and of shell patterns.
_PATTERN: Final = re.compile(r"[A-Za-z0-9:./_*?\[\]!-]{1,128}")

Owner = Organization | Station
#: A rule as ingest needs it: whether it is the organization's, its pattern, and its interval in seconds.
IntervalRule = tuple[bool, str, int | None]


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures of a rule; see `RetentionRule`. None is no limit."""

    raw_days: int | None = None
    hour_days: int | None = None
    day_days: int | None = None
    most: int | None = None
    interval_s: int | None = None

    @property
    def deletes(self) -> bool:
        """Whether it removes readings that are stored."""
        return any(one is not None for one in (self.raw_days, self.hour_days, self.day_days, self.most))


def rule_list(*, owner: Owner) -> list[RetentionRule]:
    """The rules of an organization, or of a station, by pattern."""
    return list(RetentionRule.objects.filter(**_of(owner)).order_by("pattern"))


def rule_get(*, owner: Owner, pk: int) -> RetentionRule:
    """One rule of an organization or of a station. Raises `NotFound`."""
    found = RetentionRule.objects.filter(pk=pk, **_of(owner)).first()
    if found is None:
        raise NotFound(_("This rule no longer exists."))
    return found


def rules_require(*, actor: Viewer, owner: Owner, kept: Kept | None) -> None:
    """Raise `Forbidden` unless the actor may set this rule, or with None remove one.

    Operators may set rules of stations that delete nothing. Removing one takes an owner, because a rule of the
    organization may apply then, and delete readings.
    """
    if isinstance(owner, Station):
        role = Role.OWNER if kept is None or kept.deletes else Role.OPERATOR
        actor.require(role, station=owner, to=_("set which readings of %(serial)s are kept"))
    else:
        actor.require(Role.OWNER, organization=owner, to=_("set which readings of %(name)s are kept"))


@transaction.atomic
def rule_set(*, owner: Owner, pattern: str = "*", kept: Kept, actor: Viewer | None = None) -> RetentionRule:
    """Create or change the rule for a pattern. Without an actor, the command line did it.

    Raises `Forbidden`, `InvalidInput`, and `Conflict` if there are too many rules.
    """
    if actor is not None:
        rules_require(actor=actor, owner=owner, kept=kept)
    pattern = pattern.strip()
    _pattern_check(pattern)
    _check(kept)
    # Locked, so that two at once do not exceed the limit.
    type(owner).objects.select_for_update(no_key=True).get(pk=owner.pk)
    rules = RetentionRule.objects.filter(**_of(owner))
    before = rules.filter(pattern=pattern).first()
    if before is None and rules.count() >= RULES_MOST:
        raise Conflict(_("There are already %(most)d rules: remove one first.") % {"most": RULES_MOST})
    since = before.interval_since if before and before.interval_s == kept.interval_s else clock.now()
    rule, _is_new = RetentionRule.objects.update_or_create(
        **_of(owner), pattern=pattern, defaults={**asdict(kept), "interval_since": since if kept.interval_s else None}
    )
    _audit(actor, owner, "retention.set", pattern, asdict(kept))
    return rule


@transaction.atomic
def rule_remove(*, owner: Owner, pattern: str, actor: Viewer | None = None) -> None:
    """Remove a rule. What it removed does not come back. Raises `Forbidden` and `NotFound`."""
    if actor is not None:
        rules_require(actor=actor, owner=owner, kept=None)
    rule = RetentionRule.objects.select_for_update().filter(pattern=pattern, **_of(owner)).first()
    if rule is None:
        raise NotFound(_("There is no rule for %(pattern)s.") % {"pattern": pattern[:128]})
    _late_hand_on(rule)
    rule.delete()
    _audit(actor, owner, "retention.remove", pattern, {})


def rules_of_organization(organization: Organization) -> list[RetentionRule]:
    """All rules for the series of an organization, in the order in which they apply."""
    return _in_order(Q(organization=organization) | Q(station__organization=organization))


def rules_of_station(station: Station) -> list[RetentionRule]:
    """All rules for the series of a station, in the order in which they apply: the last ones are its organization's."""
    return _in_order(Q(organization=station.organization_id) | Q(station=station))


def rule_of(rules: Iterable[RetentionRule], *, station_id: int, name: str) -> RetentionRule | None:
    """The rule that applies to a series, the first of these that matches."""
    return next(
        (rule for rule in rules if rule.station_id in (None, station_id) and fnmatchcase(name, rule.pattern)), None
    )


def rule_place(is_organizations: bool, pattern: str) -> tuple[bool, int, str]:  # noqa: FBT001 - a sort key
    """Sort key of a rule: the station's rules first, then the organization's, each with the longest patterns first."""
    return is_organizations, -len(pattern), pattern


def interval_of(rules: Iterable[IntervalRule], name: str) -> int:
    """The interval of a series in seconds, from rules in their order; 0 if all its readings are stored."""
    return next((interval or 0 for _is_organizations, pattern, interval in rules if fnmatchcase(name, pattern)), 0)


def _in_order(among: Q) -> list[RetentionRule]:
    rules = RetentionRule.objects.filter(among)
    return sorted(rules, key=lambda rule: rule_place(rule.station_id is None, rule.pattern))


def _late_hand_on(rule: RetentionRule) -> None:
    """Add the late readings counted with this rule to another rule; without one, write them to the audit log now."""
    if not rule.late or rule.organization_id is None:
        return
    other = RetentionRule.objects.filter(organization=rule.organization_id).exclude(pk=rule.pk).order_by("pk").first()
    if other is None:
        audit_write(
            actor=None, organization_id=rule.organization_id, action="retention.late", subject="*",
            detail={"late": rule.late},
        )  # fmt: skip
        return
    other.late += rule.late
    other.save(update_fields=["late"])


def _of(owner: Owner) -> dict[str, Any]:
    return {"station": owner} if isinstance(owner, Station) else {"organization": owner}


def _audit(actor: Viewer | None, owner: Owner, action: str, pattern: str, detail: dict[str, Any]) -> None:
    audit_write(
        actor=actor.user if actor else None,
        organization_id=owner.organization_id if isinstance(owner, Station) else owner.pk,
        action=action,
        subject=f"{owner.serial} {pattern}" if isinstance(owner, Station) else pattern,
        detail={**detail, "by": actor.name} if actor else detail,
    )


def _pattern_check(pattern: str) -> None:
    if not _PATTERN.fullmatch(pattern):
        raise InvalidInput(
            _("Enter a series' name without its unit, such as health/disk, or a pattern, such as health/* or *."),
            field="pattern",
        )


def _check(kept: Kept) -> None:
    """Raise `InvalidInput` for wrong figures. Finer data may not outlive coarser data, which is made from it."""
    for field, most in (("raw_days", DAYS_MOST), ("hour_days", DAYS_MOST), ("day_days", DAYS_MOST)):
        days = getattr(kept, field)
        if days is not None and not 1 <= days <= most:
            raise InvalidInput(_("Readings are kept for at least one day, and at most 36,500."), field=field)
    days = [float("inf") if days is None else days for days in (kept.raw_days, kept.hour_days, kept.day_days)]
    if days != sorted(days):
        raise InvalidInput(
            _(
                "Single readings cannot be kept longer than hourly figures, nor hourly figures longer than daily "
                "ones, because each is computed from the one before."
            ),
            field="raw_days",
        )
    if kept.most is not None and not 1 <= kept.most <= READINGS_MOST:
        raise InvalidInput(_("Keep at least one reading, and at most 1,000,000,000."), field="most")
    if kept.interval_s is not None and not 1 <= kept.interval_s <= INTERVAL_MOST_S:
        raise InvalidInput(_("The interval must be from one second to 31 days."), field="interval_s")
