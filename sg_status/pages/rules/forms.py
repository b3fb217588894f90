"""The form of an alert rule."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.selectors import scope_names
from fleet.alerts.made.subjects import subjects
from fleet.alerts.models.made import AlertRule
from sg_status.time_fields import NumberField

Scope = AlertRule.Scope
_MINUTE: Final = 60
_SCOPES: Final = (
    (Scope.ORGANIZATION.value, _("all stations")),
    (Scope.MODEL.value, _("stations of one model")),
    (Scope.TAG.value, _("stations with one tag")),
    (Scope.GROUP.value, _("stations of one group")),
    (Scope.STATION.value, _("one station")),
)
#: The subject whose series people type; the figures of other subjects are chosen from a list.
_SERIES: Final = "series"
#: Fields of the draft that have another name in the form.
RENAMED: Final = {"for_s": "for_min", "within_s": "within_min", "what": "series"}


class RuleForm(forms.Form):
    """The subject of a rule, its condition, its stations, and its words."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_(
            "Alerts begin with this name. If several rules have the same name, each station follows only the most "
            "specific: for the station, its group, tag, model, or all."
        ),
    )
    subject = forms.ChoiceField(label=_("Watch"), choices=())
    series = forms.CharField(
        label=_("Name of the series"),
        required=False,
        max_length=128,
        help_text=_(
            "Only for a series: its name, such as temp, or a pattern such as temp/*, where * stands for anything."
        ),
    )
    unit = forms.CharField(
        label=_("Unit"),
        required=False,
        max_length=32,
        help_text=_(
            "The unit of the limits below, in SenML, such as Cel or V. Leave empty for the unit of the series."
        ),
    )
    condition = forms.ChoiceField(label=_("Alert when it is"), choices=())
    low = NumberField(label=_("Lower limit"), required=False)
    high = NumberField(label=_("Upper limit"), required=False)
    within_min = NumberField(
        label=_("Compare over (minutes)"),
        required=False,
        min_value=0,
        help_text=_("Only for conditions about change: 1 to 1440."),
    )
    for_min = NumberField(
        label=_("For at least (minutes)"),
        required=False,
        min_value=0,
        help_text=_(
            "How long this must last before it raises an alert. Leave empty to alert at the first value. Required for "
            "“missing”."
        ),
    )
    clear_low = NumberField(
        label=_("Ends at (lower limit)"),
        required=False,
        help_text=_(
            "Leave empty for the limit itself. If you enter a little more, a value that hovers around the limit raises "
            "only one alert."
        ),
    )
    clear_high = NumberField(
        label=_("Ends at (upper limit)"),
        required=False,
        help_text=_(
            "Leave empty for the limit itself. If you enter a little less, a value that hovers around the limit raises "
            "only one alert."
        ),
    )
    severity = forms.ChoiceField(label=_("Severity"), choices=AlertRule.Severity.choices)
    scope = forms.ChoiceField(label=_("Stations"), choices=_SCOPES)
    of = forms.CharField(
        label=_("Which"),
        required=False,
        max_length=120,
        help_text=_("The name of the model, tag or group, or the serial of the station. Leave empty for all."),
    )
    hours_from = forms.TimeField(
        label=_("Only from (time of day)"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("In the station's local time. No alert begins outside these hours."),
    )
    hours_until = forms.TimeField(
        label=_("Until (time of day)"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    season_from = forms.CharField(
        label=_("Only from (day of the year)"), required=False, max_length=5, help_text=_("Month and day, as 04-15.")
    )
    season_until = forms.CharField(label=_("To (day of the year)"), required=False, max_length=5)
    hint = forms.CharField(
        label=_("What to do"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Advice in your own words, added to each alert."),
    )

    @classmethod
    def of_rule(cls, rule: AlertRule | None = None, data: Any = None, **initial: str) -> "RuleForm":
        """The form, filled in with a rule or with values from the URL."""
        known = {name: text for name, text in initial.items() if name in cls.base_fields}
        form = cls(data, initial=known if rule is None else _initial(rule))
        form.fields["subject"].choices = _subjects()  # type: ignore[attr-defined]
        form.fields["condition"].choices = [(one.name, one.label) for one in conditions().values()]  # type: ignore[attr-defined]
        return form

    def ask_if_sure(self) -> None:
        """Add the box that confirms that the rule may ring at so many stations."""
        self.fields["is_sure"] = forms.BooleanField(
            label=_("Yes, I want alerts from this many stations"), required=False
        )

    def draft(self) -> RuleDraft:
        """The rule as entered."""
        told = self.cleaned_data
        subject, _dot, figure = told["subject"].partition(".")
        return RuleDraft(
            name=told["name"],
            subject=subject,
            what=figure or told["series"],
            condition=told["condition"],
            **{name: told[name] for name in ("unit", "low", "high", "clear_low", "clear_high", "severity", "scope")},
            **{name: told[name] for name in ("of", "hours_from", "hours_until", "season_from", "season_until")},
            within_s=round((told["within_min"] or 0) * _MINUTE),
            for_s=round((told["for_min"] or 0) * _MINUTE),
            hint=" ".join(told["hint"].split()),
        )


def _subjects() -> list[tuple[str, Any]]:
    """The choices: subjects without figures, then each figure of the other subjects."""
    found: list[tuple[str, Any]] = []
    for subject in sorted(subjects().values(), key=lambda one: bool(one.choices)):
        if subject.choices:
            choices = [(f"{subject.name}.{name}", label) for name, label in subject.choices.items()]
            found.append((str(subject.label), choices))
        else:
            found.append((subject.name, subject.label))
    return found


def _initial(rule: AlertRule) -> dict[str, Any]:
    is_series = rule.subject == _SERIES
    same = ("name", "unit", "condition", "low", "high", "clear_low", "clear_high", "severity", "scope", "hint")
    times = ("hours_from", "hours_until", "season_from", "season_until")
    return {
        **{name: getattr(rule, name) for name in (*same, *times)},
        "subject": rule.subject if is_series else f"{rule.subject}.{rule.what}",
        "series": rule.what if is_series else "",
        "within_min": rule.within_s / _MINUTE or None,
        "for_min": rule.for_s / _MINUTE or None,
        "of": scope_names([rule])[rule.pk],
    }
