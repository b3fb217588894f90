"""A rule as a person entered it, and the checks of its fields: each refusal names its field."""

import re
from dataclasses import dataclass
from datetime import time
from math import isfinite
from typing import Any, Final

from django.utils.translation import gettext as _

from fleet.alerts.made.changes import named
from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import VALUE_MOST, VALUES, Condition
from fleet.alerts.made.subjects import subjects
from fleet.alerts.models.made import AlertRule
from fleet.core.errors import InvalidInput
from fleet.organizations.models import Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationGroup, StationModel
from fleet.stations.models.sorting import Tag as StationTag
from fleet.telemetry.models import Series
from message_queue.units import scale_of

Scope = AlertRule.Scope
#: Seconds: the longest that a condition must hold before it rings, the shortest absence, and the shortest and longest
#: time over which values are compared.
FOR_MOST: Final = 7 * 86_400
FOR_ABSENCE_LEAST: Final = 600
WITHIN_LEAST, WITHIN_MOST = 60, 86_400
_NAME_MOST, _HINT_MOST, _UNIT_MOST, _OF_MOST = 80, 300, 32, 120
_DAY = re.compile(r"(\d\d)-(\d\d)\Z")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as entered; see `AlertRule`. `of`: the name of the tag, group or model, or the serial of the station."""

    name: str
    subject: str
    what: str
    condition: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    clear_low: float | None = None
    clear_high: float | None = None
    within_s: int = 0
    for_s: int = 0
    severity: str = AlertRule.Severity.WARNING
    scope: str = Scope.ORGANIZATION
    of: str = ""
    hours_from: time | None = None
    hours_until: time | None = None
    season_from: str = ""
    season_until: str = ""
    hint: str = ""


def draft_fields(draft: RuleDraft, organization: Organization) -> dict[str, Any]:
    """The fields of the rule. Raises `InvalidInput`."""
    subject, condition = subjects().get(draft.subject), conditions().get(draft.condition)
    if subject is None:
        raise _unknown(draft.subject, subjects(), "subject")
    if condition is None:
        raise _unknown(draft.condition, conditions(), "condition")
    name, what = subject.series_name(draft.what), draft.what.strip()
    unit = text_check(draft.unit, field="unit", most=_UNIT_MOST, may_be_empty=True) or subject.unit(what)
    return {
        "name": text_check(draft.name, field="name", most=_NAME_MOST),
        "subject": subject.name,
        "what": what,
        "unit": _unit_fitting(name, unit, organization),
        "condition": condition.name,
        **_values(draft, condition),
        "within_s": _within(draft, condition),
        "for_s": _for(draft, condition),
        "severity": _severity(draft),
        **_scope(draft, organization),
        **_times(draft),
        "hint": text_check(draft.hint, field="hint", most=_HINT_MOST, may_be_empty=True),
    }


def _unknown(word: str, known: Any, field: str) -> InvalidInput:
    return InvalidInput(
        _("There is no %(word)s: choose one of %(known)s.") % {"word": word[:40] or "?", "known": ", ".join(known)},
        field=field,
    )


def _unit_fitting(name: str, unit: str, organization: Organization) -> str:
    """The unit of the limits: as entered, else that of the series. Refuses one that fits no series of this name."""
    known = Series.objects.filter(station__organization=organization, station__deleted_at=None)
    found = sorted(known.filter(named(name)).order_by().values_list("unit", flat=True).distinct())
    if not unit:
        dimensions = {scale_of(one).dimension for one in found}
        if len(dimensions) > 1:
            raise InvalidInput(
                _("%(name)s is measured in %(units)s: enter the unit that you mean.")
                % {"name": name, "units": ", ".join(one or _("no unit") for one in found)},
                field="unit",
            )
        return found[0] if len(found) == 1 else ""
    if found and all(scale_of(one).dimension != scale_of(unit).dimension for one in found):
        raise InvalidInput(
            _("%(name)s is measured in %(units)s, and %(unit)s cannot be compared with that.")
            % {"name": name, "units": ", ".join(one or _("no unit") for one in found), "unit": unit},
            field="unit",
        )
    return unit


def _values(draft: RuleDraft, condition: Condition) -> dict[str, float | None]:
    """The values that the condition takes; others are refused, because they would do nothing."""
    told: dict[str, float] = {}
    for field in VALUES:
        value: float | None = getattr(draft, field)
        if value is None:
            if field in condition.needs:
                raise InvalidInput(_("Enter a value: the condition needs it."), field=field)
            continue
        if field not in (*condition.needs, *condition.takes):
            raise InvalidInput(_("The condition does not use this value: leave it empty."), field=field)
        if not isfinite(value) or abs(value) > VALUE_MOST:
            raise InvalidInput(_("Enter a number."), field=field)
        told[field] = float(value)
    condition.check(told)
    return {field: told.get(field) for field in VALUES}


def _within(draft: RuleDraft, condition: Condition) -> int:
    if condition.derive is None:
        if draft.within_s:
            raise InvalidInput(_("The condition does not compare values over time: leave it empty."), field="within_s")
        return 0
    if not WITHIN_LEAST <= draft.within_s <= WITHIN_MOST:
        raise InvalidInput(_("Enter 1 minute to 24 hours."), field="within_s")
    return draft.within_s


def _for(draft: RuleDraft, condition: Condition) -> int:
    if condition.is_absence and draft.for_s < FOR_ABSENCE_LEAST:
        raise InvalidInput(_("Enter for how long a value may be missing: at least 10 minutes."), field="for_s")
    if not 0 <= draft.for_s <= FOR_MOST:
        raise InvalidInput(_("Enter at most 7 days."), field="for_s")
    return draft.for_s


def _severity(draft: RuleDraft) -> str:
    if draft.severity not in AlertRule.Severity.values:
        raise _unknown(draft.severity, AlertRule.Severity.values, "severity")
    return draft.severity


def _scope(draft: RuleDraft, organization: Organization) -> dict[str, Any]:
    """The stations that the rule is for, looked up within the organization."""
    of = draft.of.strip()[:_OF_MOST]
    found: int | None = None
    match draft.scope:
        case Scope.ORGANIZATION:
            if of:
                raise InvalidInput(_("The rule is for all stations: leave this empty."), field="of")
            return {"scope": draft.scope, "scope_id": None, "tag": ""}
        case Scope.TAG:
            tag = StationTag.objects.filter(organization=organization, name__iexact=of).first()
            if tag is not None:
                return {"scope": draft.scope, "scope_id": None, "tag": tag.name}
        case Scope.GROUP:
            groups = StationGroup.objects.filter(organization=organization, name__iexact=of)
            found = groups.values_list("pk", flat=True).first()
        case Scope.MODEL:
            models = StationModel.objects.filter(name__iexact=of)
            own = models.filter(organization=organization).values_list("pk", flat=True).first()
            found = own or models.filter(organization=None).values_list("pk", flat=True).first()
        case Scope.STATION:
            stations = Station.objects.filter(organization=organization, deleted_at=None, serial__iexact=of)
            found = stations.values_list("pk", flat=True).first()
        case _:
            raise _unknown(draft.scope, Scope.values, "scope")
    if found is None:
        raise InvalidInput(
            _("%(organization)s has none called %(name)s.") % {"organization": organization.name, "name": of or "?"},
            field="of",
        )
    return {"scope": draft.scope, "scope_id": found, "tag": ""}


def _times(draft: RuleDraft) -> dict[str, Any]:
    if (draft.hours_from is None) != (draft.hours_until is None):
        raise InvalidInput(_("Enter both times, or neither."), field="hours_until")
    if draft.hours_from is not None and draft.hours_from == draft.hours_until:
        raise InvalidInput(_("These are the same: leave both empty for the whole day."), field="hours_until")
    first, last = draft.season_from.strip(), draft.season_until.strip()
    if bool(first) != bool(last):
        raise InvalidInput(_("Enter both days, or neither."), field="season_until")
    for field, day in (("season_from", first), ("season_until", last)):
        known = _DAY.match(day)
        if day and (
            known is None or not 1 <= int(known[1]) <= 12 or not 1 <= int(known[2]) <= _DAYS[int(known[1]) - 1]
        ):
            raise InvalidInput(_("Write the day as month and day, such as 04-15."), field=field)
    return {
        "hours_from": draft.hours_from, "hours_until": draft.hours_until, "season_from": first, "season_until": last,
    }  # fmt: skip
