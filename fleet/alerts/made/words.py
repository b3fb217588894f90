"""Sentences about rules that people made: when one began to ring, when it was over, and its condition."""

from datetime import datetime

from django.utils.translation import gettext as _

from fleet.alerts.made.absences import is_for_absence
from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import JudgedValue
from fleet.alerts.made.judge import Episode, RuleTarget
from fleet.alerts.made.subjects import subjects
from fleet.alerts.models.made import AlertRule
from fleet.core.spoken import duration_words, moment_words, number_words, one_line, unit_words


def value_said(value: float | None, unit: str) -> str:
    """A value with its unit."""
    word = unit_words(unit)
    number = number_words(value or 0.0)
    return f"{number}\u00a0{word}" if word else number


def condition_said(rule: AlertRule, unit: str = "") -> str:
    """`above 30 °C`. `unit` is that of the series, for a rule without one."""
    known = conditions().get(rule.condition)
    if known is None:
        return rule.condition
    return str(known.said) % {
        "low": value_said(rule.low, rule.unit or unit),
        "high": value_said(rule.high, rule.unit or unit),
        "within": duration_words(rule.within_s),
    }


def subject_said(rule: AlertRule, series: str = "") -> str:
    """The subject of the rule; the name of the series, if the rule is about several."""
    known = subjects().get(rule.subject)
    said = known.said(rule.what) if known else rule.what
    return one_line(series if series and ("*" in said or "?" in said) else said)


def rule_said(rule: AlertRule) -> str:
    """`temp above 30 °C for at least 10 min`."""
    words = {"what": subject_said(rule), "condition": condition_said(rule)}
    if not rule.for_s:
        return _("%(what)s: %(condition)s") % words
    return _("%(what)s: %(condition)s, for at least %(duration)s") % {**words, "duration": duration_words(rule.for_s)}


def opening_said(target: RuleTarget, episode: Episode, moment: datetime) -> str:
    """Sentence saying since when the rule rings, the newest value, and what to do."""
    words = _words(target, episode, moment)
    if is_for_absence(target.rule):
        said = _("%(what)s: missing since %(since)s, though the station reports.") % words
    elif _is_derived(target.rule):
        said = _("%(what)s: %(condition)s since %(since)s.") % words
    else:
        said = _("%(what)s: %(condition)s since %(since)s, last at %(value)s.") % words
    return f"{said} {one_line(target.rule.hint)}".rstrip()


def closing_said(target: RuleTarget, began_at: datetime, end: JudgedValue) -> str:
    """Sentence saying that it is over, and after how long."""
    words = {
        "what": subject_said(target.rule, target.series),
        "value": value_said(end.value, target.unit),
        "duration": duration_words((end.at - began_at).total_seconds()),
    }
    if _is_derived(target.rule):
        return _("%(what)s: over after %(duration)s.") % words
    return _("%(what)s: over after %(duration)s, at %(value)s.") % words


def past_said(target: RuleTarget, episode: Episode, moment: datetime) -> str:
    """Sentence on an episode that was over, or whose data was too old, when its data came."""
    return _(
        "%(what)s: %(condition)s from %(since)s to %(until)s. Found later, when the data arrived, so nobody was "
        "alerted."
    ) % _words(target, episode, moment)


def _is_derived(rule: AlertRule) -> bool:
    return rule.condition in conditions() and conditions()[rule.condition].derive is not None


def _words(target: RuleTarget, episode: Episode, moment: datetime) -> dict[str, str]:
    return {
        "what": subject_said(target.rule, target.series),
        "condition": condition_said(target.rule, target.unit),
        "since": moment_words(episode.began_at, moment),
        "until": moment_words(episode.ended_at or episode.last.at, moment),
        "value": value_said(episode.last.value, target.unit),
    }
