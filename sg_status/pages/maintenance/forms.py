"""The form of planned maintenance: what it is for, when it comes, and why."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.maintenance.rrule import LENGTH_MOST
from fleet.alerts.maintenance.rrule import WEEKDAYS as WEEKDAY_SIGNS
from fleet.alerts.maintenance.services import WindowDraft
from fleet.core.errors import InvalidInput
from fleet.core.zones import zone_choices
from sg_status.time_fields import NumberField

_SCOPES: Final = (
    ("station", gettext_lazy("one station")),
    ("site", gettext_lazy("all stations at a site")),
    ("group", gettext_lazy("all stations of a group")),
)
_REPEATS: Final = (
    ("once", pgettext_lazy("how often maintenance comes", "once")),
    ("daily", gettext_lazy("every day")),
    ("weekly", gettext_lazy("every week, on the days below")),
    ("monthly", gettext_lazy("every month, on the same day as the first")),
    ("rule", gettext_lazy("by the rule below")),
)
_RULES: Final = {"once": "", "daily": "FREQ=DAILY", "monthly": "FREQ=MONTHLY"}
#: Fields of the draft that have another name in the form.
RENAMED: Final = {"starts": "day", "duration": "minutes", "rrule": "rule"}


class MaintenanceForm(forms.Form):
    """Maintenance to plan."""

    scope = forms.ChoiceField(label=gettext_lazy("For"), choices=_SCOPES)
    of = forms.CharField(
        label=gettext_lazy("Which"),
        max_length=120,
        help_text=gettext_lazy("The serial of the station, or the name of the site or group."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=200,
        help_text=gettext_lazy("For example: new battery. While it lasts, the stations' pages show this."),
    )
    day = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    time = forms.TimeField(
        label=gettext_lazy("From (time of day)"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    minutes = NumberField(
        label=gettext_lazy("For how long (minutes)"), min_value=1, help_text=gettext_lazy("90 is an hour and a half.")
    )
    timezone = forms.ChoiceField(
        label=gettext_lazy("By the clocks of"),
        choices=(),
        required=False,
        help_text=gettext_lazy("For a group, “the place” is the organization's timezone."),
    )
    repeats = forms.ChoiceField(label=gettext_lazy("How often"), choices=_REPEATS)
    days = forms.MultipleChoiceField(
        label=gettext_lazy("On these days of the week"),
        choices=[(sign, WEEKDAYS[place]) for place, sign in enumerate(WEEKDAY_SIGNS)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Only for “every week”. If you select none, it recurs on the weekday of the first day."),
    )
    rule = forms.CharField(
        label=gettext_lazy("Rule"),
        required=False,
        max_length=LENGTH_MOST,
        help_text=gettext_lazy(
            "Only if you know these: a recurrence rule as calendars use it (RFC 5545), such as "
            "FREQ=MONTHLY;BYDAY=2TU for the second Tuesday of every month."
        ),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        zones = [("", _("the place")), *zone_choices()]
        self.fields["timezone"].choices = zones  # type: ignore[attr-defined]

    def draft(self) -> WindowDraft:
        """The maintenance as entered. Raises `InvalidInput` if no rule was entered where one is chosen."""
        told = self.cleaned_data
        return WindowDraft(
            scope=told["scope"],
            of=told["of"],
            starts=datetime.combine(told["day"], told["time"]),
            duration=timedelta(minutes=float(told["minutes"])),
            reason=told["reason"],
            rrule=self._rrule(),
            timezone=told["timezone"],
        )

    def _rrule(self) -> str:
        told = self.cleaned_data
        if told["repeats"] == "weekly":
            days = told["days"] or [WEEKDAY_SIGNS[told["day"].weekday()]]
            return f"FREQ=WEEKLY;BYDAY={','.join(days)}"
        if told["repeats"] != "rule":
            return _RULES[told["repeats"]]
        if not told["rule"].strip():
            raise InvalidInput(_("Enter the rule, or choose another answer under “How often”."), field="rrule")
        return str(told["rule"])
